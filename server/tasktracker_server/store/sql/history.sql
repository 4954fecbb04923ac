-- What a reader at a given number needs: the task's state, and the next stored entries.
select t.status, coalesce(t.completed_at, t.updated_at), t.result, t.error, t.new_task_id, t.worker_id, t.attempt,
       t.cancel_requested_at is not null, t.history_upto, t.lost_to, t.live_debt, t.completed_at <= now() - interval '2 seconds',
       array(select p.entries from tracker_progress p
             where p.task_id = t.id and p.last_seq > %(after)s
             order by p.first_seq limit %(chunks)s)
from tracker_tasks t where t.id = %(id)s
