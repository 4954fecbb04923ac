"""A pool of workers: functions for task types, and how many of them run at once."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Literal, TypeAlias, TypeVar

from tasktracker_client._config import config_of
from tasktracker_client._pools.annotations import check_function
from tasktracker_client._pools.handlers import Handler, Handlers
from tasktracker_client._pools.options import PoolOptions, Run
from tasktracker_client._pools.processes import run_processes
from tasktracker_client._pools.shutdown import Shutdown
from tasktracker_client._pools.stops import Stops
from tasktracker_client._pools.tasks import run_tasks
from tasktracker_client._pools.threads import run_threads
from tasktracker_client._working.worker import LATEST_SECONDS, LEASE_SECONDS, WAIT_SECONDS, HeartbeatsBy

F = TypeVar("F", bound=Callable[..., Any])
PoolKind: TypeAlias = Literal["threads", "processes", "tasks"]


class WorkerPool:
    """Functions by task type, run several at once; making one connects nothing.

    ::

        pool = WorkerPool(concurrency=4, pool="processes")

        @pool.task("video.encode")
        def encode(job: Job[EncodeParams]) -> EncodeResult: ...

        if __name__ == "__main__":
            pool.run()          # or: tasktracker worker module:pool

    A function takes one job; its params are decoded into the type that the annotation names (a struct,
    dataclass, TypedDict …; what does not fit fails the task for good, as ``invalid_params``), and what it
    returns is the task's result.

    Args:
        concurrency: Jobs at once; no more are claimed than run.
        pool: ``threads`` of this process (jobs that wait), ``processes`` (jobs that compute; one that
            crashes takes no other along, and is replaced), or ``tasks`` of an event loop (``async def``).
        lease_seconds: How soon (from 5) another worker gets a task when its process dies.
        grace_seconds: How long jobs may go on after SIGTERM or SIGINT before they are released.
        wait_seconds: How long one claim waits for a task (up to 60) before it asks again.
        latest_seconds: How often ``job.latest`` goes out at most.
        heartbeats: What sends them; a ``process`` for jobs that keep the interpreter's lock for seconds.
    """

    def __init__(
        self,
        *,
        concurrency: int = 4,
        pool: PoolKind = "threads",
        lease_seconds: int = LEASE_SECONDS,
        grace_seconds: float = 10.0,
        wait_seconds: int = WAIT_SECONDS,
        latest_seconds: float = LATEST_SECONDS,
        heartbeats: HeartbeatsBy = "thread",
    ) -> None:
        if concurrency < 1:
            raise ValueError(f"concurrency must be 1 or more, not {concurrency}")
        if pool not in ("threads", "processes", "tasks"):
            raise ValueError(f"pool must be 'threads', 'processes' or 'tasks', not {pool!r}")
        self._kind = pool
        self._handlers: dict[str, Handler] = {}
        self._stops = Stops()
        self._options = PoolOptions(
            concurrency=concurrency,
            lease_seconds=lease_seconds,
            wait_seconds=wait_seconds,
            latest_seconds=latest_seconds,
            heartbeats=heartbeats,
            grace_seconds=grace_seconds,
        )

    def __repr__(self) -> str:
        types = ", ".join(self._handlers)
        return f"<WorkerPool of {self._options.concurrency} {self._kind} for {types or 'nothing yet'}>"

    def task(self, task_type: str) -> Callable[[F], F]:
        """Decorate the function that does tasks of this type; it stays what it is."""

        if not isinstance(task_type, str):
            raise TypeError('name the task type: `@pool.task("video.encode")`')

        def register(function: F) -> F:
            check_function(function)
            handler = Handler(task_type, function)
            if task_type in self._handlers:
                raise ValueError(f"there is a function for {task_type!r} already")
            if handler.is_async != (self._kind == "tasks"):
                rule = "`async def` functions" if self._kind == "tasks" else "plain functions"
                raise TypeError(f"a pool of {self._kind} runs {rule}; {function.__qualname__} is none")
            if self._kind == "processes" and "<" in function.__qualname__:
                raise TypeError(
                    f"a pool of processes finds its functions by their names in a module; "
                    f"{function.__qualname__} has none"
                )
            self._handlers[task_type] = handler
            return function

        return register

    def run(
        self,
        base_url: str | None = None,
        *,
        api_key: str | None = None,
        concurrency: int | None = None,
        until_empty: bool = False,
    ) -> None:
        """Work until SIGTERM, SIGINT or ``stop``; with ``until_empty`` until there is nothing left to claim.

        Signals are handled only here, and only in the main thread: no new claims, ``grace_seconds`` for what
        runs, then it is released. A second signal ends the grace at once. Where and as whom: as for
        ``TaskTracker``.

        Raises ``ValueError`` where there is no function, ``TypeError`` where one's annotations can't be used,
        what a claim was refused for, and with ``until_empty`` what kept the service from answering for a
        minute, as a rule ``ConnectionFailed``.
        """
        if not self._handlers:
            raise ValueError("the pool has no functions; decorate one with `@pool.task(...)`")
        handlers = Handlers(self._handlers)
        options = self._options if concurrency is None else replace(self._options, concurrency=concurrency)
        config_of(base_url, api_key, timeout=1.0, retries=None)  # what is wrong with it is told here
        run = Run(base_url=base_url, api_key=api_key, until_empty=until_empty)
        if self._kind == "tasks":
            run_tasks(handlers, options, run, self._stops)
            return
        shutdown = Shutdown(options.grace_seconds, raises=False)
        with self._stops.by(shutdown.stop):
            if self._kind == "processes":
                run_processes(self._handlers, options, run, shutdown)
            else:
                run_threads(handlers, options, run, shutdown, self._stops)

    def stop(self) -> None:
        """Do what SIGTERM does, from any thread: ``run`` returns when what runs has ended or was released.

        Nothing is remembered: where no ``run`` is under way, nothing happens.
        """
        self._stops.stop()
