-- The oldest tasks of a type and state, and which of them nobody needs any more.
select t.id, t.ord, t.history_bytes, (extract(epoch from t.created_at) * 1000)::bigint, t.ord,
       t.completed_at < now() - %(age)s * interval '1 second' and not t.live_debt and chain.unfinished is null
from tracker_tasks t
left join lateral (
    select c.id as unfinished from tracker_tasks c
    where c.original_task_id = t.id and c.status in ('pending', 'in_progress') limit 1
) chain on true
where t.status collate "POSIX" = %(status)s and t.task_type = %(task_type)s
  and (t.created_at, t.ord) > (timestamptz 'epoch' + %(place)s * interval '1 millisecond', %(within)s)
  and t.created_at < now() - %(age)s * interval '1 second'
order by t.created_at, t.ord limit %(limit)s
