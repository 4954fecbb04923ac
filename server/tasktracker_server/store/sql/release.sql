-- Hands tasks back to the queue: attempt, history, place and timeout stay. One that is no longer wanted ends.
-- What was claimed for a caller who left goes back `untouched` only: a repeat may have told somebody of it since.
-- Where the latest attempt was released before, tells by whom and to what: one that ended then was started.
with wanted as materialized (
    select * from json_to_recordset(%(items)s::json) as w(
        id text, worker_id text, attempt int, untouched boolean)
),
locked as materialized (
    select id, status, attempt, worker_id, released_by, task_type,
           updated_at > greatest(started_at, cancel_requested_at) as touched, cancel_requested_at is not null as cancelled,
           case when status = 'failed' and started_at is not null then 'failed' else 'pending' end as released_to
    from tracker_tasks where id = any (%(ids)s) order by id for update skip locked
),
released as (
    update tracker_tasks t
    set status = case when l.cancelled then 'failed' else 'pending' end,
        error = case when l.cancelled then tracker_cancelled(t.cancel_reason) end,
        completed_at = case when l.cancelled then now() end,
        live_debt = l.cancelled and t.seq_limit > 0,
        worker_id = case when l.cancelled then t.worker_id end,
        started_at = case when l.cancelled then t.started_at end,
        claim_id = null, updated_at = now(), lease_seconds = null, lease_expires_at = null, lease_check_at = null,
        released_by = coalesce(l.worker_id, '')
    from locked l join wanted w on w.id = l.id
    where t.id = l.id and l.status = 'in_progress' and (w.attempt is null or w.attempt = l.attempt)
      and (w.worker_id is null or l.worker_id is null or w.worker_id = l.worker_id)
      and not (w.untouched and l.touched)
    returning t.*
)
select l.id, l.status, l.attempt, l.worker_id, l.released_by, l.released_to, coalesce(r.ready, false),
       r.id, r.status, r.ord, r.updated_at, r.result, r.error, r.new_task_id, r.history_upto, r.seq_limit,
       r.seed_ticket, coalesce(r.live_debt, false), l.task_type
from locked l left join released r on r.id = l.id
