"""Jobs in threads: the calling thread claims whenever one is free, and only then."""

import threading
import time
from typing import Any, Final

from tasktracker_client._client import TaskTracker
from tasktracker_client._errors import TaskTrackerError
from tasktracker_client._handlers import Handlers
from tasktracker_client._job import Job
from tasktracker_client._logging import logger
from tasktracker_client._pool_options import PoolOptions, Run
from tasktracker_client._shutdown import Shutdown
from tasktracker_client._worker import Worker

_LOOK_SECONDS: Final = 0.1


def run_threads(handlers: Handlers, options: PoolOptions, run: Run, shutdown: Shutdown) -> None:
    """Work until the shutdown, or until there is nothing left."""
    with TaskTracker(run.base_url, api_key=run.api_key) as client, shutdown.handling():
        worker = client.worker(*handlers.task_types, **options.of_worker(run.until_empty))
        with worker:
            crew = _Crew(worker, handlers, options.concurrency)
            wait_seconds = 0 if run.until_empty else shutdown.wait_seconds(options.wait_seconds)
            while not shutdown.stopped.is_set():
                if not crew.has_room(_LOOK_SECONDS):
                    continue
                job = shutdown.parked(lambda: crew.take(wait_seconds))
                if job is not None:
                    crew.begin(job)
                elif run.until_empty:
                    break
            crew.end(shutdown)


class _Crew:
    """The threads at work, and what each works on."""

    def __init__(self, worker: Worker, handlers: Handlers, size: int) -> None:
        self._worker = worker
        self._handlers = handlers
        self._free = threading.Semaphore(size)
        self._jobs: set[Job[Any]] = set()

    def has_room(self, seconds: float) -> bool:
        """Whether a thread is free by then."""
        if not self._free.acquire(timeout=seconds):
            return False
        self._free.release()  # only this thread takes them
        return True

    def take(self, wait_seconds: int) -> Job[Any] | None:
        """Claim a job; noted before anything can interrupt."""
        job = self._worker.take(wait_seconds)
        if job is not None:
            self._jobs.add(job)
        return job

    def begin(self, job: Job[Any]) -> None:
        """Do it in a thread."""
        self._free.acquire()
        name = f"tasktracker-{job.task_type}-{job.id}"
        threading.Thread(target=self._work, args=(job,), name=name, daemon=True).start()

    def end(self, shutdown: Shutdown) -> None:
        """Wait for what runs; release what is still at it when the shutdown's time is over."""
        while self._jobs and not shutdown.over.is_set():
            time.sleep(_LOOK_SECONDS / 2)
        for job in list(self._jobs):
            logger.warning("%r is still at it; released", job)
            try:
                job.take_back("the worker shut down")
            except (TaskTrackerError, RuntimeError) as error:
                logger.warning("%r could not be released: %s", job, error)

    def _work(self, job: Job[Any]) -> None:
        try:
            self._handlers.work(job)
        finally:
            self._jobs.discard(job)
            self._free.release()
