-- Hands the first fitting tasks to the claimers, in their order. A claimer whose claimId already holds a
-- task gets that one again. Rows others are about to change are passed over, never waited for.
with claimers as materialized (
    select * from json_to_recordset(%(items)s::json) as w(n int, worker_id text, lease_seconds int, claim_id text)
),
held as materialized (
    select c.n, t.id from claimers c
    join tracker_tasks t on t.worker_id = c.worker_id and t.claim_id = c.claim_id
    where c.claim_id is not null and t.status = 'in_progress' and t.claim_id is not null
),
picked as materialized (
    select id, priority, ord from tracker_tasks
    where status = 'pending' and ready and task_type = %(task_type)s and timeout_at > now()
    order by priority desc, ord
    limit (select count(*) from claimers) - (select count(*) from held)
    for update skip locked
),
paired as materialized (
    select p.id, c.worker_id, c.lease_seconds, c.claim_id, c.n
    from (select id, row_number() over (order by priority desc, ord) as place from picked) p
    join (select *, row_number() over (order by n) as place from claimers
          where n not in (select n from held)) c using (place)
),
claimed as (
    update tracker_tasks t
    set status = 'in_progress', attempt = t.attempt + 1, worker_id = p.worker_id, claim_id = p.claim_id,
        released_by = null, started_at = now(), updated_at = now(), lease_seconds = p.lease_seconds,
        lease_expires_at = now() + p.lease_seconds * interval '1 second',
        lease_check_at = now() + p.lease_seconds * interval '1 second'
    from paired p where t.id = p.id
    returning p.n, {task}
)
select true as fresh, * from claimed
union all
select false, h.n, {task} from held h join tracker_tasks t on t.id = h.id
