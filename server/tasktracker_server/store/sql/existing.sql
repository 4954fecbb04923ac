-- Tasks whose ids were taken, and whether they were registered by the very same request.
select t.id, t.status, t.created_at, t.timeout_at,
       t.task_type = w.task_type and t.timeout_seconds = w.timeout_seconds and t.priority = w.priority
       and t.metadata is not distinct from w.metadata and t.params is not distinct from w.params
       and t.run_at is not distinct from w.run_at and t.max_retries = w.max_retries
       and t.max_attempts is not distinct from w.max_attempts as same_request
from json_to_recordset(%(items)s::json) as w(
         id text, task_type text, metadata jsonb, params jsonb, timeout_seconds int, priority int,
         run_at timestamptz(3), max_retries int, max_attempts int)
join tracker_tasks t on t.id = w.id
