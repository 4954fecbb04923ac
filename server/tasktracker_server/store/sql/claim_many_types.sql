-- As claim.sql for claimers that take several types: looks at the head of each type's queue, then takes
-- the best of all heads. Ordered by (priority, place) over all types; the order of types means nothing.
-- Where others were at all of a head, the last row says so, by nulls: there may be more behind it.
{claimers}
heads as materialized (
    select head.id from unnest(%(task_types)s::text[]) as wanted(task_type)
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
from (select count(*) as there from heads) h, (select count(*) as got from picked) p, (select count(*) as wanted from slots) s
left join tracker_tasks t on false
where p.got < least(s.wanted, h.there)
