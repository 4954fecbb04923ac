-- Raises the blocks of numbers of running tasks: each doubles, so a long history pays few of these.
with wanted as materialized (
    select * from json_to_recordset(%(items)s::json) as w(id text, need int)
),
locked as materialized (
    select id from tracker_tasks where id = any (%(ids)s) and status = 'in_progress' order by id for update
)
update tracker_tasks t set seq_limit = t.seq_limit + greatest(w.need, 256, least(t.seq_limit, 65536))
from locked l join wanted w on w.id = l.id where t.id = l.id
returning t.id, t.seq_limit, t.seed_ticket
