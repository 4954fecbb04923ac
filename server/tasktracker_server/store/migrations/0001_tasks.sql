-- Tasks, and the stored part of their progress.

create sequence tracker_tasks_ord as bigint cache 1;

create table tracker_tasks (
    id                  text collate "C" primary key,
    ord                 bigint not null default nextval('tracker_tasks_ord'),  -- place in the queue
    task_type           text collate "C" not null,
    status              text collate "C" not null
        check (status in ('pending', 'in_progress', 'completed', 'failed', 'timeout')),
    metadata            jsonb,
    params              jsonb,
    result              jsonb,
    error               jsonb,
    timeout_seconds     integer not null,
    worker_id           text,
    original_task_id    text collate "C",              -- root of the chain; null for the root itself
    retry_count         integer not null default 0,
    created_at          timestamptz(3) not null default now(),
    updated_at          timestamptz(3) not null default now(),
    started_at          timestamptz(3),
    completed_at        timestamptz(3),
    timeout_at          timestamptz(3) not null,
    attempt             integer not null default 0,    -- the fencing token; only ever rises
    max_attempts        integer,
    priority            smallint not null default 0,
    run_at              timestamptz(3),
    ready               boolean not null default true, -- run_at has come
    lease_seconds       integer,
    lease_expires_at    timestamptz(3),                -- not indexed: extending a lease stays cheap
    lease_check_at      timestamptz(3),                -- indexed: when to look at the lease
    max_retries         integer not null default 0,
    failures            integer not null default 0,    -- failures by workers so far, over the chain
    cancel_requested_at timestamptz(3),
    new_task_id         text,                          -- the latest retry of this task
    claim_id            text,
    released_by         text,                          -- who released the latest attempt; '' if unnamed
    seq_limit           integer not null default 0,    -- no number above it was ever given
    seed_ticket         text,                          -- under which the latest block was bought
    seed_start          integer not null default 0,
    history_upto        integer not null default 0,    -- last number stored in tracker_progress
    history_bytes       bigint not null default 0,
    lost_to             integer,                       -- what is not stored up to here was lost
    live_debt           boolean not null default false, -- ended; the live log is still to be closed
    constraint completed_when_terminal
        check ((completed_at is not null) = (status in ('completed', 'failed', 'timeout'))),
    constraint pending_without_worker check (status <> 'pending' or worker_id is null)
) with (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.05, autovacuum_analyze_scale_factor = 0.02);

alter sequence tracker_tasks_ord owned by tracker_tasks.ord;

-- Finished tasks are in none of these, so their number costs claims and sweeps nothing.
create index tracker_tasks_ready on tracker_tasks (task_type, priority desc, ord)
    where status = 'pending' and ready;
create index tracker_tasks_not_ready on tracker_tasks (run_at) where status = 'pending' and not ready;
create index tracker_tasks_timeout on tracker_tasks (timeout_at) where status in ('pending', 'in_progress');
create index tracker_tasks_lease on tracker_tasks (lease_check_at)
    where status = 'in_progress' and lease_check_at is not null;
create index tracker_tasks_debt on tracker_tasks (id) where live_debt;
create unique index tracker_tasks_claim on tracker_tasks (worker_id, claim_id)
    where status = 'in_progress' and claim_id is not null;
-- One unfinished retry per chain; the root is always finished where there are retries.
create unique index tracker_tasks_unfinished_retry on tracker_tasks (original_task_id)
    where original_task_id is not null and status in ('pending', 'in_progress');
create unique index tracker_tasks_chain on tracker_tasks (original_task_id, retry_count)
    where original_task_id is not null;

-- Stored entries, many to a row: lines of number|milliseconds|attempt|json in order.
create table tracker_progress (
    task_id   text collate "C" not null,
    first_seq integer not null,
    last_seq  integer not null,
    entries   text not null,
    primary key (task_id, first_seq)
);

-- For people: one row an entry.
create view tracker_progress_entries as
select p.task_id,
       split_part(line, '|', 1)::integer as seq_id,
       to_timestamp(split_part(line, '|', 2)::bigint / 1000.0) as accepted_at,
       split_part(line, '|', 3)::integer as attempt,
       substr(line, length(split_part(line, '|', 1) || split_part(line, '|', 2) || split_part(line, '|', 3)) + 4)::jsonb as data
from tracker_progress p, lateral regexp_split_to_table(p.entries, E'\n') as line;
