-- What closing the logs of ended tasks needs to know.
select id, status, ord, coalesce(completed_at, updated_at), result, error, new_task_id, history_upto, seq_limit,
       seed_ticket, live_debt, task_type, live_doubt
from tracker_tasks where id = any (%(ids)s)
