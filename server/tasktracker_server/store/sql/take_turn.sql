-- Takes the turn at some recurring work, or keeps it; nobody else does it until then.
insert into tracker_turns as t (work, holder, until)
values (%(work)s, %(holder)s, now() + %(seconds)s * interval '1 second')
on conflict (work) do update set holder = excluded.holder, until = excluded.until
where t.until < now() or t.holder = excluded.holder
returning true
