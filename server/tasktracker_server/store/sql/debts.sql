-- Ended tasks whose live log is still to be closed, except by those who are just ending them.
select id from tracker_tasks where live_debt and completed_at <= now() - interval '2 seconds'
order by id limit %(limit)s
