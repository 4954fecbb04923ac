-- Ends tasks: one guarded update that carries the outcome and the history seen so far, and, for a failure
-- with retries left, registers the next one. Entries that come with the end itself (`own`) are numbered
-- here where no number was ever given before; where some were, their live log has to number them first, and
-- the end does not fit. Answers the state each was found in, and what it became.
with wanted as materialized (
    select * from json_to_recordset(%(items)s::json) as w(
        id text, outcome text, worker_id text, attempt int, result jsonb, error jsonb, peeked boolean,
        proof text, from_upto int, first_seq int, last_seq int, entries text, own json,
        retry_id text, retry_jitter float8)
),
locked as materialized (
    select id, status, attempt, worker_id, coalesce(completed_at, updated_at) as updated_at, failed_into,
           history_upto, seq_limit, seed_ticket, ord, cancel_requested_at is not null as cancelled,
           started_at is not null and released_by is null and lease_check_at is null as by_holder, task_type
    from tracker_tasks where id = any (%(ids)s) order by id for update skip locked
),
allowed as materialized (
    select w.id, w.outcome, w.result, w.error, w.peeked, w.proof, w.retry_id, w.retry_jitter,
           w.own is null or l.seq_limit = 0 as fits,
           w.own is not null or (w.entries is not null and l.history_upto = w.from_upto) as carries,
           case when w.own is null then w.first_seq else 1 end as first_seq,
           coalesce(o.count, w.last_seq) as last_seq, coalesce(o.entries, w.entries) as entries,
           o.count as given, l.cancelled
    from locked l join wanted w on w.id = l.id
    cross join lateral (
        select nullif(count(*), 0)::int as count,
               string_agg(concat_ws('|', n, (extract(epoch from now()) * 1000)::bigint, l.attempt, entry), E'\n' order by n) as entries
        from json_array_elements_text(w.own) with ordinality as given(entry, n)
    ) o
    where case when w.outcome = 'timeout' then l.status in ('pending', 'in_progress')
               else l.status = 'in_progress' and (w.attempt is null or w.attempt = l.attempt)
                    and (w.worker_id is null or l.worker_id is null or w.worker_id = l.worker_id) end
),
ended as (
    update tracker_tasks t
    set status = a.outcome, result = a.result,
        error = case when a.outcome = 'failed' and a.cancelled and a.error is null
                     then tracker_cancelled(t.cancel_reason) else a.error end,
        completed_at = now(), updated_at = now(),
        lease_expires_at = null, lease_check_at = null,
        history_upto = case when a.carries then a.last_seq else t.history_upto end,
        history_bytes = case when a.carries then t.history_bytes + octet_length(a.entries) else t.history_bytes end,
        seq_limit = coalesce(a.given, t.seq_limit),
        live_debt = t.seq_limit > 0 and not (
            a.peeked and (a.entries is null or a.carries) and a.proof is not distinct from t.seed_ticket),
        (new_task_id, failed_into) = (
            select r.id, r.id from (
                select case when a.outcome = 'failed' and not a.cancelled and t.failures < t.max_retries
                                 and not exists (
                                     select from tracker_tasks c
                                     where c.original_task_id = coalesce(t.original_task_id, t.id) and c.id <> t.id
                                       and c.status in ('pending', 'in_progress'))
                            then a.retry_id end
            ) r(id))
    from allowed a where t.id = a.id and a.fits
    returning t.*, least(3600, 5 * power(2, least(t.failures, 12)) * a.retry_jitter) * interval '1 second' as backoff
),
carried as (
    insert into tracker_progress (task_id, first_seq, last_seq, entries)
    select a.id, a.first_seq, a.last_seq, a.entries from allowed a join ended e on e.id = a.id where a.carries
),
retried as (
    insert into tracker_tasks (id, task_type, status, metadata, params, timeout_seconds, original_task_id,
                               retry_count, priority, run_at, ready, max_retries, max_attempts, failures,
                               timeout_at)
    select e.new_task_id, e.task_type, 'pending', e.metadata, e.params, e.timeout_seconds,
           coalesce(e.original_task_id, e.id),
           1 + greatest(e.retry_count, (
               select max(c.retry_count) from tracker_tasks c
               where c.original_task_id = coalesce(e.original_task_id, e.id))),
           e.priority,
           now() + e.backoff, false, e.max_retries, e.max_attempts, e.failures + 1,
           now() + e.backoff + e.timeout_seconds * interval '1 second'
    from ended e where e.new_task_id is not null
)
select l.id, l.status, l.attempt, l.worker_id, l.ord,
       coalesce(e.updated_at, l.updated_at), coalesce(e.failed_into, l.failed_into),
       coalesce(e.history_upto, l.history_upto), l.seq_limit, l.seed_ticket, e.id is not null, e.live_debt,
       coalesce(not a.fits, false), case when l.cancelled then e.error end, l.by_holder, l.task_type,
       case when e.id is not null and a.given is not null then (extract(epoch from now()) * 1000)::bigint end
from locked l left join allowed a on a.id = l.id left join ended e on e.id = l.id
