"""Jobs one by one in the main thread: what each process of a pool of processes does."""

from tasktracker_client._client import TaskTracker
from tasktracker_client._pools.handlers import Handlers
from tasktracker_client._pools.options import PoolOptions, Run
from tasktracker_client._pools.shutdown import ShutDown, Shutdown


def run_single(handlers: Handlers, options: PoolOptions, run: Run, shutdown: Shutdown) -> None:
    """Work until the shutdown, or until there is nothing left; a job that outlasts the grace is released."""
    wait_seconds = 0 if run.until_empty else options.wait_seconds
    with TaskTracker(run.base_url, api_key=run.api_key) as client:
        worker = client.worker(*handlers.task_types, **options.of_worker(run.until_empty))
        try:
            with worker:
                while not shutdown.is_stopped:
                    job = shutdown.parked(lambda: worker.claim(wait_seconds))
                    if job is not None:
                        handlers.work(job)
                    elif run.until_empty:
                        return
        except ShutDown:
            return
