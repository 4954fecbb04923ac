-- How lists by state begin: the newest tasks of each state (and of more, as the list says next) by an index.
with recursive scanned as materialized (
    select t.id, (extract(epoch from t.created_at) * 1000)::bigint as place, t.ord as within,
           %(worker_id)s::text is null or t.worker_id = %(worker_id)s as fits
    from unnest(%(statuses)s::text[]) as wanted(status)
    cross join lateral (
        select id, created_at, ord, worker_id from tracker_tasks
        where status collate "POSIX" = wanted.status
