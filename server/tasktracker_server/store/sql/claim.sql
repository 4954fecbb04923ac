-- Hands the first fitting tasks to the claimers, in their order, to each as many as it has slots. A claimer
-- whose claimId already holds a task gets that one again, and that touches it: neither call gives it
-- back then, for the caller of the other may be there. Those rows are waited for, before any other is locked;
-- waiting tasks that others are about to change are passed over.
{claimers}
picked as materialized (
    select id, priority, ord from tracker_tasks
    where status = 'pending' and ready and task_type = %(task_type)s and timeout_at > now()
    order by priority desc, ord
    limit (select count(*) from slots)
    for update skip locked
),
{claimed}
