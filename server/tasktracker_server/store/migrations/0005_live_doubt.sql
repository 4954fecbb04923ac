-- The debt may be paid already: an answer was lost that would have told.

alter table tracker_tasks add column live_doubt boolean not null default false;
