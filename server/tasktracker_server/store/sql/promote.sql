-- Puts tasks whose time has come into the queue.
with due as materialized (
    select id from tracker_tasks where status = 'pending' and not ready and run_at <= now()
    order by run_at limit %(limit)s for update skip locked
)
update tracker_tasks t set ready = true from due where t.id = due.id
returning t.id, t.task_type
