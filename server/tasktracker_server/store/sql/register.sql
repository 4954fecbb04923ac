-- Inserts new tasks; ids that are taken are left out of the answer. Order of arrival becomes the order
-- of the queue; rows go in by id, so that batches racing for the same ids cannot deadlock.
with wanted as (
    select w.*, nextval('tracker_tasks_ord') as ord, greatest(now(), w.run_at) as due
    from (select * from json_to_recordset(%(items)s::json) as i(
              n int, id text, task_type text, metadata jsonb, params jsonb, timeout_seconds int, priority int,
              run_at timestamptz(3), max_retries int, max_attempts int)
          order by n) w
)
insert into tracker_tasks (id, ord, task_type, status, metadata, params, timeout_seconds, priority, run_at,
                           ready, max_retries, max_attempts, timeout_at)
select id, ord, task_type, 'pending', metadata, params, timeout_seconds, priority, run_at,
       run_at is null or run_at <= now(), max_retries, max_attempts, due + timeout_seconds * interval '1 second'
from wanted order by id
on conflict (id) do nothing
returning id, created_at, timeout_at, ready
