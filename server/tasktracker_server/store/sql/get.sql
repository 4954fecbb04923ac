-- Tasks, with the newest of their stored entries where asked for.
select {task}, t.seq_limit, t.history_upto, t.lost_to, t.live_debt, h.entries
from tracker_tasks t
left join lateral (
    select string_agg(p.entries, E'\n' order by p.first_seq) as entries
    from tracker_progress p where p.task_id = t.id and p.last_seq > t.history_upto - %(entries)s
) h on t.history_upto > 0
where t.id = any (%(ids)s)
