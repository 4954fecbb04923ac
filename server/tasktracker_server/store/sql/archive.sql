-- Appends entries to stored histories, each only onto the history it was read against: any number of
-- helpers may try, one succeeds. With the last of them an ended task's debt to its live log is settled
-- and a loss is told, in the same step: by whoever ended it, or else only while it still owes.
with wanted as materialized (
    select * from json_to_recordset(%(items)s::json) as w(
        id text, expected int, first_seq int, last_seq int, entries text, drains boolean, settles boolean,
        lost boolean, if_owed boolean)
),
locked as materialized (
    select id, history_upto, status, live_debt from tracker_tasks where id = any (%(ids)s) order by id for update
),
grown as (
    update tracker_tasks t
    set history_upto = coalesce(w.last_seq, t.history_upto),
        history_bytes = t.history_bytes + coalesce(octet_length(w.entries), 0),
        live_debt = t.live_debt and not w.settles,
        live_doubt = t.live_doubt and not w.settles,
        lost_to = case when w.settles and w.lost and (t.live_debt or not w.if_owed)
                            and t.seq_limit > coalesce(w.last_seq, t.history_upto)
                       then t.seq_limit else t.lost_to end
    from locked l join wanted w on w.id = l.id
    where t.id = l.id and l.history_upto = w.expected and (not w.drains or l.status = 'in_progress')
    returning t.id, t.history_upto, l.live_debt and w.settles as paid, w.first_seq, w.last_seq, w.entries
),
stored as (
    insert into tracker_progress (task_id, first_seq, last_seq, entries)
    select id, first_seq, last_seq, entries from grown where entries is not null
)
select id, history_upto, paid from grown
