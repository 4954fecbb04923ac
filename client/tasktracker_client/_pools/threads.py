"""Jobs in threads: the calling thread claims whenever one is free, and only then."""

import threading
import time
from typing import Any, Final

from tasktracker_client._client import TaskTracker
from tasktracker_client._logging import logger
from tasktracker_client._pools.handlers import Handlers
from tasktracker_client._pools.options import PoolOptions, Run
from tasktracker_client._pools.shutdown import Shutdown
from tasktracker_client._pools.stops import Stops
from tasktracker_client._working.job import Job
from tasktracker_client._working.worker import Worker

_LOOK_SECONDS: Final = 0.1


def run_threads(handlers: Handlers, options: PoolOptions, run: Run, shutdown: Shutdown, stops: Stops) -> None:
    """Work until the shutdown, or until there is nothing left."""
    with TaskTracker(run.base_url, api_key=run.api_key) as client, shutdown.handling():
        worker = client.worker(*handlers.task_types, **options.of_worker(run.until_empty))
        # The worker's own stop ends a claim that pauses, for the service is away.
        with worker, stops.by(worker.stop):
            crew = _Crew(worker, handlers, options.concurrency)
            try:
                _claim_on(crew, options, run, shutdown)
            finally:  # also where a claim was refused: what runs has its leases only here
                crew.end(shutdown)


def _claim_on(crew: "_Crew", options: PoolOptions, run: Run, shutdown: Shutdown) -> None:
    wait_seconds = 0 if run.until_empty else shutdown.wait_seconds(options.wait_seconds)
    while not shutdown.is_stopped:
        if not crew.has_room(_LOOK_SECONDS):
            continue
        job = shutdown.parked(lambda: crew.take(wait_seconds))
        if job is not None:
            crew.begin(job)
        elif run.until_empty:
            return


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
        """Claim a job; one that is not begun because of a signal is released when the worker closes."""
        return self._worker.take(wait_seconds)

    def begin(self, job: Job[Any]) -> None:
        """Do it in a thread."""
        self._free.acquire()
        name = f"tasktracker-{job.task_type}-{job.id}"
        thread = threading.Thread(target=self._work, args=(job,), name=name, daemon=True)
        self._jobs.add(job)
        try:
            thread.start()
        except RuntimeError:  # no more threads here
            self._jobs.discard(job)
            raise

    def end(self, shutdown: Shutdown) -> None:
        """Wait for what runs; release what is still at it when the shutdown's time is over."""
        while self._jobs and not shutdown.is_over:
            time.sleep(_LOOK_SECONDS / 2)
        for job in list(self._jobs):
            logger.warning("%r is still at it; released", job)
        self._worker.take_back("the worker shut down")

    def _work(self, job: Job[Any]) -> None:
        try:
            self._handlers.work(job)
        finally:
            self._jobs.discard(job)
            self._free.release()
