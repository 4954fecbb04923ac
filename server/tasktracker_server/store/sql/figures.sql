-- How many tasks are active, how long the oldest that may be claimed has been waiting, and what happened in
-- the last hour: of all types together, then of the busiest. Costs what is active and what was not counted
-- yet; what ended before is not looked at.
with since as materialized (
    select greatest(upto, now() - interval '60 minutes') as uncounted from tracker_counted
),
figures as (
    select task_type, (status = 'pending')::int as pending, (status = 'in_progress')::int as in_progress,
           case when status = 'pending' and ready then greatest(created_at, run_at) end as due,
           0 as registered, 0 as completed, 0 as failed, 0 as timed_out
    from tracker_tasks where status in ('pending', 'in_progress')
    union all
    select task_type, 0, 0, null, registered, completed, failed, timed_out
    from tracker_minutes where minute >= date_trunc('minute', now()) - interval '60 minutes'
    union all
    select t.task_type, 0, 0, null, 1, 0, 0, 0
    from since s join tracker_tasks t
      on t.status collate "POSIX" = any ('{pending,in_progress,completed,failed,timeout}') and t.created_at >= s.uncounted
    union all
    select t.task_type, 0, 0, null,
           0, (t.status = 'completed')::int, (t.status = 'failed')::int, (t.status = 'timeout')::int
    from since s join tracker_tasks t on t.completed_at >= s.uncounted
)
select case when grouping(task_type) = 0 then task_type end, coalesce(sum(pending), 0)::bigint,
       coalesce(sum(in_progress), 0)::bigint,
       -- A clock that was set back makes no task wait for less than nothing.
       round(extract(epoch from now() - least(min(due), case when min(due) is not null then now() end)), 3)::float8,
       coalesce(sum(registered), 0)::bigint, coalesce(sum(completed), 0)::bigint,
       coalesce(sum(failed), 0)::bigint, coalesce(sum(timed_out), 0)::bigint
from figures
group by grouping sets ((), (task_type))
having grouping(task_type) = 1 or task_type <> ''
order by grouping(task_type) desc,
         sum(pending + in_progress + registered + completed + failed + timed_out) desc, task_type
limit %(types)s + 1
