-- Buys a block of numbers for tasks whose live log is to begin, once for each ticket. A second purchase
-- means that the live store lost the first: what is not stored up to there may be missing.
with wanted as materialized (
    select * from json_to_recordset(%(items)s::json) as w(id text, ticket text)
),
locked as materialized (
    select id, status, attempt, worker_id, cancel_requested_at, seq_limit, seed_ticket, seed_start, history_upto,
           history_bytes, ord, lease_seconds, task_type
    from tracker_tasks where id = any (%(ids)s) order by id for update
),
bought as (
    update tracker_tasks t
    set seq_limit = t.seq_limit + greatest(256, least(t.seq_limit, 65536)), seed_ticket = w.ticket,
        seed_start = l.seq_limit,
        lost_to = case when l.seq_limit > 0 then l.seq_limit else t.lost_to end
    from locked l join wanted w on w.id = l.id
    where t.id = l.id and l.status = 'in_progress' and l.seed_ticket is distinct from w.ticket
    returning t.id, t.seq_limit, t.seed_start
)
select l.id, l.status, l.attempt, l.worker_id, l.cancel_requested_at is not null,
       coalesce(b.seed_start, l.seed_start), coalesce(b.seq_limit, l.seq_limit), l.history_upto, l.history_bytes,
       l.ord, l.lease_seconds, l.task_type
from locked l left join bought b on b.id = l.id
