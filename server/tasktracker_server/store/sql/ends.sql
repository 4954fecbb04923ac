-- What closing the logs of ended tasks needs to know; young: ended so lately that its ender is at it.
select id, status, ord, coalesce(completed_at, updated_at), result, error, new_task_id, history_upto, seq_limit,
       seed_ticket, live_debt, coalesce(completed_at > now() - interval '2 seconds', false) as young
from tracker_tasks where id = any (%(ids)s)
