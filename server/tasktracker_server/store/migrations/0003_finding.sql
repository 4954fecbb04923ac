-- Finding tasks, counting them, and forgetting them.

-- Lists walk these backwards, a range for each state they are asked for; retention walks the second one
-- forwards, type by type; statistics count what was registered lately in the first. Nothing in them changes
-- but the state, so a heartbeat touches neither. The state stands there in a collation that only statements
-- which mean these indexes name: a claim's plan, made while nothing was in progress, must not think of
-- reading all that is.
create index tracker_tasks_newest on tracker_tasks (status collate "POSIX", created_at, ord);
create index tracker_tasks_newest_of_type on tracker_tasks (status collate "POSIX", task_type, created_at, ord);
-- What ended lately; grows at its right end only.
create index tracker_tasks_ended on tracker_tasks (completed_at) where completed_at is not null;

-- What happened in each minute of the last hour, counted from the tasks themselves soon after it happened.
-- Types beyond the first thousand of a slice are counted together, under ''.
create table tracker_minutes (
    minute     timestamptz not null,
    task_type  text collate "C" not null,
    registered integer not null,
    completed  integer not null,
    failed     integer not null,
    timed_out  integer not null,
    primary key (minute, task_type)
) with (fillfactor = 50);

-- One row: up to when tracker_minutes has counted.
create table tracker_counted (
    one  boolean primary key default true check (one),
    upto timestamptz not null default date_trunc('minute', now())
);
insert into tracker_counted default values;

-- Recurring work that one process at a time does: whose turn it is, and until when.
create table tracker_turns (
    work   text primary key,
    holder text not null,
    until  timestamptz not null
);
