-- How every claim begins: who wants tasks (`slots`: one for each task that each of them may get), and what
-- their claimIds hold already (`told`).
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
