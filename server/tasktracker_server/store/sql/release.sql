-- Hands tasks back to the queue: attempt, history, place and timeout stay.
with wanted as materialized (
    select * from json_to_recordset(%(items)s::json) as w(id text, worker_id text, attempt int)
),
locked as materialized (
    select id, status, attempt, worker_id, released_by
    from tracker_tasks where id = any (%(ids)s) order by id for update skip locked
),
released as (
    update tracker_tasks t
    set status = 'pending', worker_id = null, claim_id = null, started_at = null, updated_at = now(),
        lease_seconds = null, lease_expires_at = null, lease_check_at = null,
        released_by = coalesce(l.worker_id, '')
    from locked l join wanted w on w.id = l.id
    where t.id = l.id and l.status = 'in_progress' and (w.attempt is null or w.attempt = l.attempt)
      and (w.worker_id is null or l.worker_id is null or w.worker_id = l.worker_id)
    returning t.id, t.task_type, t.seq_limit, t.updated_at
)
select l.id, l.status, l.attempt, l.worker_id, l.released_by, r.id is not null, r.task_type, r.seq_limit,
       r.updated_at
from locked l left join released r on r.id = l.id
