-- Leases that lapse by themselves, and tasks that are no longer wanted.

alter table tracker_tasks add column cancel_reason text;

create function tracker_cancelled(reason text) returns jsonb language sql immutable
return jsonb_build_object('code', 'cancelled', 'message', coalesce(reason, 'The task was cancelled.'));

-- One row: when leases were last looked at, and when that last began again after a pause. A lease that was
-- running then counts from there: while nobody could renew it, it did not lapse.
create table tracker_sweeps (
    one        boolean primary key default true check (one),
    last_at    timestamptz not null default now(),
    resumed_at timestamptz not null default 'epoch'
);
insert into tracker_sweeps default values;
