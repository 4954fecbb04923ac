-- Notes that the live logs of these ended tasks could not be closed.
update tracker_tasks set live_debt = true
where id = any (%(ids)s) and seq_limit > 0 and status in ('completed', 'failed', 'timeout')
returning id
