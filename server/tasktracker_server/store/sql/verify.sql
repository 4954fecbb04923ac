-- Who holds these tasks.
select id, status, attempt, worker_id, cancel_requested_at is not null, seed_start, seq_limit, history_upto,
       history_bytes, ord, lease_seconds, task_type
from tracker_tasks where id = any (%(ids)s)
