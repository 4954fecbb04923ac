-- What is due, at a glance: where nothing is, all that goes on by itself costs this one statement. It also
-- notes that somebody looks: after a pause in which nobody did, leases begin anew.
with clock as materialized (
    select one from tracker_sweeps where last_at <= now() - interval '1 second' for update skip locked
),
noted as (
    update tracker_sweeps s
    set last_at = now(),
        resumed_at = case when now() - s.last_at > %(pause)s * interval '1 second' then now() else s.resumed_at end
    from clock c where s.one = c.one
)
select exists (select from tracker_tasks where status in ('pending', 'in_progress') and timeout_at <= now()),
       exists (select from tracker_tasks where status = 'in_progress'
               and lease_check_at <= now() - %(grace)s * interval '1 second'),
       exists (select from tracker_tasks where status = 'pending' and not ready and run_at <= now()),
       exists (select from tracker_tasks where live_debt)
