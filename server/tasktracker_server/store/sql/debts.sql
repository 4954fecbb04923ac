-- Ended tasks whose live log is still to be closed, except those whose enders are just at it.
select id from tracker_tasks where live_debt and completed_at <= now() - interval '2 seconds'
order by id limit %(limit)s
