-- How far these tasks are, for readers that may have missed something.
select id, status, history_upto from tracker_tasks where id = any (%(ids)s)
