"""One worker process: claims tasks of one type over HTTP, works on their files, tells how it goes.

``python -m tasktracker_server.demo.worker URL TASK_TYPE WORKER_ID PARENT_PID``
"""

import os
import sys
import threading
import time
from pathlib import Path
from typing import Final

from tasktracker_client import FailJob, Job, TaskTracker, Worker
from tasktracker_schema.names import JsonObject
from tasktracker_server.demo.work import FileWork, PlannedFailureError

WAIT_SECONDS: Final = 2
"""How long one claim waits; between two of them a worker sees whether its demo is still there."""
LOOK_SECONDS: Final = 0.5


def work_on(job: Job[JsonObject]) -> JsonObject:
    """One file from its first chunk to its result."""
    path = Path(job.params["path"])
    first_try = job.task.retry_count == 0 and job.attempt == 1
    try:
        work = FileWork(path, job.params.get("failFirstTryAtPercent") if first_try else None)
        for entry in work.steps():
            job.progress(entry)
    except PlannedFailureError as failure:
        told = {"message": str(failure), "planned": True, "bytesDone": work.bytes_done}
        raise FailJob(told, retry=False) from failure
    except OSError as error:
        told = {"message": f"{path} can't be read: {error.strerror}", "planned": False}
        raise FailJob(told, retry=False) from error
    return work.result()


def main() -> None:
    """Work until stopped, or until the demo that started this process is gone."""
    url, task_type, worker_id, parent = sys.argv[1:]
    with (
        TaskTracker(url) as client,
        client.worker(task_type, worker_id=worker_id, wait_seconds=WAIT_SECONDS) as worker,
    ):
        threading.Thread(target=_stop_with_parent, args=(worker, int(parent)), daemon=True).start()
        for job in worker:
            with job:
                job.complete(work_on(job))


def _stop_with_parent(worker: Worker, parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(LOOK_SECONDS)
    worker.stop()


if __name__ == "__main__":
    main()
