-- The first tasks to claim of each of these types, up to as many as are wanted of it.
select head.id, wanted.task_type
from unnest(%(task_types)s::text[], %(counts)s::int[]) as wanted(task_type, count)
cross join lateral (
    select id from tracker_tasks
    where status = 'pending' and ready and task_type = wanted.task_type and timeout_at > now()
    order by priority desc, ord limit wanted.count
) head
