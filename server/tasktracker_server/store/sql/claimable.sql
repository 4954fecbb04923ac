-- Which of these types have tasks to claim, and how many, up to as many as are wanted of each.
select wanted.task_type, there.count
from unnest(%(task_types)s::text[], %(counts)s::int[]) as wanted(task_type, count)
cross join lateral (
    select count(*) from (
        select from tracker_tasks
        where status = 'pending' and ready and task_type = wanted.task_type and timeout_at > now()
        order by priority desc, ord limit wanted.count
    ) head
) there
where there.count > 0
