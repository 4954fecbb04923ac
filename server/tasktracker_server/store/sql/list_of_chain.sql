-- A page of a chain, the latest retry first and the root last; places are counts of retries.
with recursive scanned as materialized (
    select t.id, t.retry_count::bigint as place, 0::bigint as within,
           t.status = any (%(statuses)s) and (%(task_type)s::text is null or t.task_type = %(task_type)s)
           and (%(worker_id)s::text is null or t.worker_id = %(worker_id)s)
           and t.created_at >= timestamptz 'epoch' + %(after)s * interval '1 millisecond'
           and t.created_at < timestamptz 'epoch' + %(until)s * interval '1 millisecond' as fits
    from (
        (select * from tracker_tasks where original_task_id = %(root)s and retry_count < %(before)s
         order by retry_count desc limit %(scan)s)
        union all
        (select * from tracker_tasks where id = %(root)s and original_task_id is null and %(before)s > 0)
    ) t
    order by t.retry_count desc limit %(scan)s
),
{page}
