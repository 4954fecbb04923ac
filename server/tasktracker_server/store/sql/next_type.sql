-- The next task type of which there are tasks in a state.
select task_type from tracker_tasks
where status collate "POSIX" = %(status)s and task_type > %(beyond)s order by task_type limit 1
