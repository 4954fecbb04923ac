-- Which of these tasks there are.
select id from tracker_tasks where id = any (%(ids)s)
