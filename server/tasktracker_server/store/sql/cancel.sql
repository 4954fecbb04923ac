-- Tasks no longer wanted: those that wait end, those that run are flagged for their worker to see.
with wanted as materialized (
    select * from json_to_recordset(%(items)s::json) as w(id text, reason text)
),
locked as materialized (
    select id, status, coalesce(completed_at, updated_at) as updated_at, cancel_requested_at, attempt, worker_id,
           task_type
    from tracker_tasks where id = any (%(ids)s) order by id for update skip locked
),
cancelled as (
    update tracker_tasks t
    set cancel_requested_at = now(), cancel_reason = w.reason,
        -- `touched` since its claim (see release.sql) it stays, by being later than the cancel.
        updated_at = now() + case when t.updated_at > t.started_at then interval '1 millisecond' else '0' end,
        status = case when l.status = 'pending' then 'failed' else t.status end,
        error = case when l.status = 'pending' then tracker_cancelled(w.reason) end,
        completed_at = case when l.status = 'pending' then now() end,
        live_debt = l.status = 'pending' and t.seq_limit > 0
    from locked l join wanted w on w.id = l.id
    where t.id = l.id
      and (l.status = 'pending' or (l.status = 'in_progress' and l.cancel_requested_at is null))
    returning t.*
)
select l.id, l.attempt, l.worker_id, coalesce(c.cancel_requested_at, l.cancel_requested_at) is not null,
       c.id is not null,
       l.id, coalesce(c.status, l.status), coalesce(c.ord, 0), coalesce(c.updated_at, l.updated_at), null,
       c.error, null, coalesce(c.history_upto, 0), coalesce(c.seq_limit, 0), c.seed_ticket,
       coalesce(c.live_debt, false), l.task_type
from locked l left join cancelled c on c.id = l.id
