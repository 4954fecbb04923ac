-- Ends what is overdue, a batch at a time; rows somebody else holds are theirs to end.
with due as materialized (
    select id from tracker_tasks
    where status in ('pending', 'in_progress') and timeout_at <= now()
    order by timeout_at limit %(limit)s for update skip locked
)
update tracker_tasks t
set status = 'timeout', completed_at = now(), updated_at = now(), lease_expires_at = null,
    lease_check_at = null, live_debt = t.seq_limit > 0
from due where t.id = due.id
returning t.id, t.status, t.ord, t.updated_at, t.result, t.error, t.new_task_id, t.history_upto, t.seq_limit,
          t.seed_ticket, t.live_debt, t.task_type
