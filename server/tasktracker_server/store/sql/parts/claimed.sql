-- How every claim ends: the tasks that were locked (`picked`) go to the slots, in their order.
paired as materialized (
    select p.id, s.*
    from (select id, row_number() over (order by priority desc, ord) as place from picked) p
    join slots s using (place)
),
claimed as (
    update tracker_tasks t
    set status = 'in_progress', attempt = t.attempt + 1, worker_id = p.worker_id, claim_id = p.claim_id,
        released_by = null, started_at = now(), updated_at = now(), lease_seconds = p.lease_seconds,
        lease_expires_at = now() + p.lease_seconds * interval '1 second',
        lease_check_at = now() + p.lease_seconds * interval '1 second'
    from paired p where t.id = p.id
    returning p.n, p.place, {task}
)
select true as fresh, * from claimed
union all
select false, * from told
