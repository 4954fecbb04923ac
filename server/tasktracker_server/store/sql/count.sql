-- Counts what happened in the next ten seconds that are over for ten: whatever was to be committed has been
-- by then. One process counts at a time, each slice once; after an hour nobody looks at it any more.
with span as materialized (
    select one, greatest(upto, date_trunc('minute', now()) - interval '60 minutes') as since
    from tracker_counted where upto <= now() - interval '20 seconds' for update skip locked
),
moved as (
    update tracker_counted c set upto = s.since + interval '10 seconds' from span s where c.one = s.one
),
happened as (
    select t.task_type, 1 as registered, 0 as completed, 0 as failed, 0 as timed_out
    from span s join tracker_tasks t
      on t.status collate "POSIX" = any ('{pending,in_progress,completed,failed,timeout}')
     and t.created_at >= s.since and t.created_at < s.since + interval '10 seconds'
    union all
    select t.task_type, 0, (t.status = 'completed')::int, (t.status = 'failed')::int, (t.status = 'timeout')::int
    from span s join tracker_tasks t
      on t.completed_at >= s.since and t.completed_at < s.since + interval '10 seconds'
),
by_type as (
    select task_type, sum(registered) as registered, sum(completed) as completed, sum(failed) as failed,
           sum(timed_out) as timed_out, row_number() over (order by count(*) desc, task_type) as place
    from happened group by task_type
),
counted as (
    insert into tracker_minutes as m (minute, task_type, registered, completed, failed, timed_out)
    select date_trunc('minute', s.since), case when b.place <= 1000 then b.task_type else '' end,
           sum(b.registered), sum(b.completed), sum(b.failed), sum(b.timed_out)
    from span s, by_type b group by 1, 2
    on conflict (minute, task_type) do update
    set registered = m.registered + excluded.registered, completed = m.completed + excluded.completed,
        failed = m.failed + excluded.failed, timed_out = m.timed_out + excluded.timed_out
),
cleared as (
    delete from tracker_minutes using span where minute < now() - interval '62 minutes'
)
select since + interval '10 seconds' <= now() - interval '20 seconds' from span
