-- What a failure itself registered: a repeat of it is answered with that, whatever was retried by hand since.
-- new_task_id goes on naming the latest retry.

alter table tracker_tasks add column failed_into text;
update tracker_tasks set failed_into = new_task_id where new_task_id is not null;
