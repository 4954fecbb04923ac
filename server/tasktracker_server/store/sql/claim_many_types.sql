-- As claim.sql for claimers that take several types: looks at the head of each type's queue, then takes
-- the best of all heads. Ordered by (priority, place) over all types; the order of types means nothing.
-- Where nothing is got although a head is as long as it may be, the last row says so, by nulls: others were
-- at all of it, and there may be more behind.
{claimers}
heads as materialized (
    select head.id, wanted.task_type from unnest(%(task_types)s::text[]) as wanted(task_type)
    cross join lateral (
        select id from tracker_tasks
        where status = 'pending' and ready and task_type = wanted.task_type and timeout_at > now()
        order by priority desc, ord limit (select count(*) from slots) + %(spare)s
    ) head
),
picked as materialized (
    select id, priority, ord from tracker_tasks
    where id in (select id from heads) and status = 'pending' and ready
    order by priority desc, ord
    limit (select count(*) from slots)
    for update skip locked
),
{claimed}
union all
select null, null, null, {task}
from (select count(*) as wanted from slots) s left join tracker_tasks t on false
where s.wanted > 0 and not exists (select from picked)
      and exists (select from heads group by task_type having count(*) = s.wanted + %(spare)s)
