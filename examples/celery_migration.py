"""A Celery task and what becomes of it. ``python celery_migration.py worker``, and ``… send`` beside it.

Before::

    app = Celery(broker="amqp://…", backend="redis://…")

    @app.task(bind=True, name="mail.send", autoretry_for=(SMTPServerDisconnected,), max_retries=3,
              retry_backoff=True, acks_late=True)
    def send_mail(self, to, subject):
        for number, address in enumerate(to, 1):
            deliver(address, subject)
            self.update_state(state="PROGRESS", meta={"done": number, "total": len(to)})
        return {"sent": len(to)}

    result = send_mail.apply_async((["a@example.org"], "Hello"), countdown=5, expires=3600)
    result.get(timeout=60)
"""

import sys
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from tasktracker_client import FailJob, Job, TaskTracker, WorkerPool

# app = Celery(...): no broker and no result backend; the pool learns where the service is when it runs.
pool = WorkerPool(concurrency=4, pool="threads", lease_seconds=30)


@dataclass
class Mail:
    """What were the arguments: checked before the function is called."""

    to: list[str]
    subject: str


# bind=True: the job is always the argument. acks_late=True: a lost worker's task goes to the next one
# when its lease lapses, always; write the function so that doing it twice is harmless.
@pool.task("mail.send")
def send_mail(job: Job[Mail]) -> dict[str, int]:
    for address in job.steps(job.params.to):  # self.update_state(state="PROGRESS", meta={"done": …})
        deliver(address, job.params.subject)
    return {"sent": len(job.params.to)}


def deliver(address: str, subject: str) -> None:
    """Any exception is retried, as in ``autoretry_for=(Exception,)``."""
    if "@" not in address:
        raise FailJob(f"{address} is no address", retry=False)  # raise Reject(…, requeue=False)
    print(f"{subject} to {address}", flush=True)


def send(*to: str) -> None:
    with TaskTracker() as tracker:
        # send_mail.apply_async(…, countdown=1, expires=3600); max_retries and backoff go with the task.
        task = tracker.register(
            "mail.send",
            Mail(list(to), "Hello"),
            run_at=datetime.now(UTC) + timedelta(seconds=1),
            timeout_seconds=3600,
            max_retries=3,
        )
        # result.get(timeout=60): follows the retries; raises TaskFailed with the worker's traceback.
        print(tracker.wait(task, timeout=60).result)


if __name__ == "__main__":
    if sys.argv[1:] == ["worker"]:
        pool.run()
    else:
        send(*sys.argv[2:] or ("a@example.org", "b@example.org"))
