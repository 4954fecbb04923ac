-- Hands the first fitting tasks to the claimers, in their order, to each as many as it has slots. A claimer
-- whose claimId already holds a task gets that one again, and that touches it: neither call gives it
-- back then, for the caller of the other may be there. Those rows are waited for, before any other is locked;
-- waiting tasks that others are about to change are passed over.
with claimers as materialized (
    select * from json_to_recordset(%(items)s::json)
        as w(n int, worker_id text, lease_seconds int, claim_id text, slots int)
),
found as materialized (
    select c.n, c.worker_id, c.claim_id, h.id from claimers c
    cross join lateral (
        select t.id from tracker_tasks t
        where t.worker_id = c.worker_id and t.claim_id = c.claim_id
          and t.status = 'in_progress' and t.claim_id is not null
        limit 1  -- a look-up for each, however the plan was made
    ) h
    where c.claim_id is not null
    order by h.id
),
held as materialized (
    select f.n, h.id from found f
    cross join lateral (
        select t.id from tracker_tasks t
        where t.id = f.id and t.status = 'in_progress' and t.worker_id = f.worker_id and t.claim_id = f.claim_id
        for update
    ) h
),
told as (
    update tracker_tasks t set updated_at = greatest(now(), t.updated_at + interval '1 millisecond')
    from held h where t.id = h.id
    returning h.n, 0, {task}
),
slots as materialized (
    select c.n, c.worker_id, c.lease_seconds, c.claim_id, row_number() over (order by c.n) as place
    from claimers c cross join generate_series(1, c.slots)
    where c.n not in (select n from held)
),
picked as materialized (
    select id, priority, ord from tracker_tasks
    where status = 'pending' and ready and task_type = %(task_type)s and timeout_at > now()
    order by priority desc, ord
    limit (select count(*) from slots)
    for update skip locked
),
paired as materialized (
    select p.id, s.*
    from (select id, row_number() over (order by priority desc, ord) as place from picked) p
    join slots s using (place)
),
claimed as (
    update tracker_tasks t
    set status = 'in_progress', attempt = t.attempt + 1, worker_id = p.worker_id, claim_id = p.claim_id,
        released_by = null, started_at = now(), updated_at = now(), lease_seconds = p.lease_seconds,
        lease_expires_at = now() + p.lease_seconds * interval '1 second',
        lease_check_at = now() + p.lease_seconds * interval '1 second'
    from paired p where t.id = p.id
    returning p.n, p.place, {task}
)
select true as fresh, * from claimed
union all
select false, * from told
