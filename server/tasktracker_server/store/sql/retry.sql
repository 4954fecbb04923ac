-- Registers failed or timed-out tasks anew at the end of their chains. The unique indexes of the chain
-- decide races: one unfinished task, one of each retry count.
with wanted as materialized (
    select * from json_to_recordset(%(items)s::json) as w(id text, new_id text)
),
locked as materialized (
    select t.*, w.new_id, coalesce(t.original_task_id, t.id) as root
    from tracker_tasks t join wanted w on w.id = t.id
    where t.id = any (%(ids)s) order by t.id for update of t skip locked
),
made as (
    insert into tracker_tasks (id, task_type, status, metadata, params, timeout_seconds, original_task_id,
                               retry_count, priority, max_retries, max_attempts, timeout_at)
    select l.new_id, l.task_type, 'pending', l.metadata, l.params, l.timeout_seconds, l.root,
           1 + coalesce((select max(c.retry_count) from tracker_tasks c where c.original_task_id = l.root), 0),
           l.priority, l.max_retries, l.max_attempts, now() + l.timeout_seconds * interval '1 second'
    from locked l
    where l.status in ('failed', 'timeout') and not exists (
        select from tracker_tasks c where c.original_task_id = l.root and c.status in ('pending', 'in_progress'))
    on conflict do nothing
    returning id, original_task_id, retry_count, created_at
),
linked as (
    update tracker_tasks t set new_task_id = m.id, updated_at = now()
    from made m join locked l on l.new_id = m.id where t.id = l.id
)
select l.id, l.status, l.root, m.id, m.retry_count, l.task_type,
       (select c.id from tracker_tasks c
        where c.original_task_id = l.root and c.status in ('pending', 'in_progress')),
       m.created_at
from locked l left join made m on m.id = l.new_id
