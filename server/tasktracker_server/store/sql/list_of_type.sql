-- A page of the tasks of one type in some states, as `list`, by the index of types.
with recursive scanned as materialized (
    select t.id, (extract(epoch from t.created_at) * 1000)::bigint as place, t.ord as within,
           %(worker_id)s::text is null or t.worker_id = %(worker_id)s as fits
    from unnest(%(statuses)s::text[]) as wanted(status)
    cross join lateral (
        select id, created_at, ord, worker_id from tracker_tasks
        where status collate "POSIX" = wanted.status and task_type = %(task_type)s
          and (created_at, ord) < (timestamptz 'epoch' + %(before)s * interval '1 millisecond', %(within)s)
          and created_at >= timestamptz 'epoch' + %(after)s * interval '1 millisecond'
        order by created_at desc, ord desc limit %(scan)s
    ) t
    order by t.created_at desc, t.ord desc limit %(scan)s
),
{page}
