-- The rest of every list: of the rows that were looked at (`scanned`: in order of their place, newest first)
-- those that fit, as many as the page holds. Large values count against its bytes, and only as many of them
-- are read as it takes; the first row always has room. Every row tells how many were looked at, how many
-- of them fit, and the last place: a page may end before its limit, and even be empty.
found as materialized (
    select array_agg(s.id order by s.n) filter (where s.fits) as ids,
           array_agg(s.place order by s.n) filter (where s.fits) as places,
           array_agg(s.within order by s.n) filter (where s.fits) as withins,
           count(*) as looked_at, count(*) filter (where s.fits) as fitting,
           min(s.place) as last_place, (array_agg(s.within order by s.n desc))[1] as last_within
    from (select *, row_number() over (order by place desc, within desc) as n from scanned) s
),
paged(n, bytes, id) as (
    select 0, 0::bigint, null::text collate "C"
    union all
    select p.n + 1,
           p.bytes + case when %(full)s then coalesce(octet_length(t.metadata::text), 0)
                          + coalesce(octet_length(t.params::text), 0) + coalesce(octet_length(t.result::text), 0)
                          + coalesce(octet_length(t.error::text), 0) else 0 end,
           t.id
    from paged p, found f, tracker_tasks t
    where p.n < %(limit)s and p.bytes < %(bytes)s and t.id = f.ids[p.n + 1]
)
select f.looked_at, f.fitting, f.last_place, f.last_within, f.places[p.n], f.withins[p.n], {row},
       t.seq_limit, t.history_upto, t.lost_to, t.live_debt, h.entry
from found f
left join paged p on p.n > 0 and (p.n = 1 or p.bytes <= %(bytes)s)
left join tracker_tasks t on t.id = p.id
left join tracker_tasks v on %(full)s and v.id = p.id
left join lateral (
    -- The latest entry, unless finding it in its row of entries would cost too much.
    select case when octet_length(c.entries) <= %(chunk)s then split_part(c.entries, E'\n', -1) end as entry
    from tracker_progress c where t.history_upto > 0 and c.task_id = p.id order by c.first_seq desc limit 1
) h on true
order by p.n
