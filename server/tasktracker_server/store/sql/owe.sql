-- Notes that the live logs of these ended tasks could not be closed, or that nobody knows whether they were: not
-- those of tasks that owe already, for whose sake no close removes anything.
update tracker_tasks set live_debt = true, live_doubt = live_doubt or (%(in_doubt)s and not live_debt)
where id = any (%(ids)s) and seq_limit > 0 and status in ('completed', 'failed', 'timeout')
returning id
