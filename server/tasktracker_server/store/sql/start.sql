-- Takes these very tasks. Answers the state each was found in, and the new one where it was taken.
with wanted as materialized (
    select * from json_to_recordset(%(items)s::json) as w(id text, worker_id text, lease_seconds int)
),
locked as materialized (
    select id, status, attempt, worker_id, task_type, timeout_at <= now() as overdue
    from tracker_tasks where id = any (%(ids)s) order by id for update skip locked
),
started as (
    update tracker_tasks t
    set status = 'in_progress', attempt = t.attempt + 1, worker_id = w.worker_id, claim_id = null,
        released_by = null, started_at = now(), updated_at = now(), lease_seconds = w.lease_seconds,
        lease_expires_at = now() + w.lease_seconds * interval '1 second',
        lease_check_at = now() + w.lease_seconds * interval '1 second'
    from locked l join wanted w on w.id = l.id
    where t.id = l.id and l.status = 'pending' and not l.overdue
    returning t.id, t.updated_at, t.attempt, t.lease_expires_at
)
select l.id, case when l.status = 'pending' and l.overdue then 'timeout' else l.status end, l.attempt,
       l.worker_id, s.updated_at, s.attempt, s.lease_expires_at, l.task_type
from locked l left join started s on s.id = l.id
