-- Takes tasks back from workers whose lease is over: to the queue, or to their end where they were
-- cancelled or have no attempt left. The others get their next look. After a pause in which nobody could
-- renew a lease (`due` notes it) all of them count from its end, and before it was noted none is judged.
with clock as materialized (
    select resumed_at from tracker_sweeps where now() - last_at <= %(pause)s * interval '1 second'
),
due as materialized (
    select t.id, t.cancel_requested_at is not null as cancelled,
           t.cancel_requested_at is not null or coalesce(t.attempt >= t.max_attempts, false) as ends,
           greatest(t.lease_expires_at, k.resumed_at + t.lease_seconds * interval '1 second') as until
    from clock k, tracker_tasks t
    where t.status = 'in_progress' and t.lease_check_at <= now() - %(grace)s * interval '1 second'
    limit %(limit)s for update of t skip locked
),
looked_at as (
    update tracker_tasks t set lease_expires_at = d.until, lease_check_at = d.until
    from due d where t.id = d.id and d.until > now() - %(grace)s * interval '1 second'
),
lapsed as (
    update tracker_tasks t
    set status = case when d.ends then 'failed' else 'pending' end,
        error = case
            when d.cancelled then tracker_cancelled(t.cancel_reason)
            when d.ends then jsonb_build_object(
                'code', 'lease_lost', 'message', 'The worker''s lease lapsed, and no attempt is left.') end,
        completed_at = case when d.ends then now() end,
        live_debt = d.ends and t.seq_limit > 0,
        worker_id = case when d.ends then t.worker_id end,
        started_at = case when d.ends then t.started_at end,
        claim_id = null, released_by = null, updated_at = now(),
        lease_seconds = null, lease_expires_at = null,
        lease_check_at = case when d.ends then now() end  -- tells that it did not end in its worker's hands
    from due d where t.id = d.id and d.until <= now() - %(grace)s * interval '1 second'
    returning t.*
)
select l.attempt, l.ready,
       l.id, l.status, l.ord, l.updated_at, l.result, l.error, l.new_task_id, l.history_upto, l.seq_limit,
       l.seed_ticket, l.live_debt, l.task_type
from due d left join lapsed l on l.id = d.id
