-- Extends leases: nothing that is indexed changes, unless a lease gets shorter than its next look. A sign of
-- life that is told `age` seconds late counts from when it was given.
with wanted as materialized (
    select * from json_to_recordset(%(items)s::json) as w(
        id text, worker_id text, attempt int, lease_seconds int, age float8)
),
locked as materialized (
    select id, status, attempt, worker_id, timeout_at, lease_seconds, lease_expires_at,
           cancel_requested_at is not null as cancelled
    from tracker_tasks where id = any (%(ids)s) order by id for update skip locked
),
allowed as materialized (
    select l.id, coalesce(w.lease_seconds, l.lease_seconds) as lease_seconds,
           now() + (coalesce(w.lease_seconds, l.lease_seconds) - coalesce(w.age, 0)) * interval '1 second' as until,
           w.age is not null as is_late
    from locked l join wanted w on w.id = l.id
    where l.status = 'in_progress' and (w.attempt is null or w.attempt = l.attempt)
      and (w.worker_id is null or l.worker_id is null or w.worker_id = l.worker_id)
),
extended as (
    update tracker_tasks t
    set lease_seconds = a.lease_seconds,
        lease_expires_at = case when a.is_late then greatest(t.lease_expires_at, a.until) else a.until end,
        lease_check_at = least(t.lease_check_at, a.until)
    from allowed a where t.id = a.id and a.lease_seconds is not null
      and not (a.is_late and t.lease_expires_at >= a.until)
    returning t.id, t.lease_expires_at
)
select l.id, l.status, l.attempt, l.worker_id, a.id is not null, l.timeout_at,
       coalesce(e.lease_expires_at, l.lease_expires_at), l.cancelled,
       coalesce(a.lease_seconds, l.lease_seconds), a.lease_seconds is distinct from l.lease_seconds
from locked l left join allowed a on a.id = l.id left join extended e on e.id = l.id
