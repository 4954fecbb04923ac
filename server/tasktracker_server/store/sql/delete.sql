-- Deletes ended tasks and their histories, each only if it still may be: rows that somebody is about to
-- change are passed over, and so is a root whose chain goes on.
with doomed as materialized (
    select t.id from tracker_tasks t
    where t.id = any (%(ids)s) and t.completed_at < now() - %(age)s * interval '1 second' and not t.live_debt
      and not exists (
          select from tracker_tasks c
          where c.original_task_id = t.id and c.status in ('pending', 'in_progress'))
    order by t.id for update of t skip locked
),
histories as (
    delete from tracker_progress p using doomed d where p.task_id = d.id
)
delete from tracker_tasks t using doomed d where t.id = d.id
returning t.id
