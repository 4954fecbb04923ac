"""Jobs as tasks of an event loop: it claims whenever there is room, and only then."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any, Final

from tasktracker_client._async_client import AsyncTaskTracker
from tasktracker_client._logging import logger
from tasktracker_client._pools.handlers import Handlers
from tasktracker_client._pools.options import PoolOptions, Run
from tasktracker_client._pools.signals import borrowed, own_signals
from tasktracker_client._pools.stops import Stops
from tasktracker_client._working.async_job import AsyncJob
from tasktracker_client._working.keeping import HASTE_SECONDS
from tasktracker_client._working.worker import AsyncWorker

_RELEASE_SECONDS: Final = 2 * HASTE_SECONDS
"""For an end that is under way, and a release, when the service is away."""


def run_tasks(handlers: Handlers, options: PoolOptions, run: Run, stops: Stops) -> None:
    """Work until a signal or a stop, or until there is nothing left."""
    with borrowed(own_signals(), is_loop=True):  # from before the loop, which handles SIGINT by itself
        asyncio.run(_run_tasks(handlers, options, run, stops))


async def _run_tasks(handlers: Handlers, options: PoolOptions, run: Run, stops: Stops) -> None:
    loop = asyncio.get_running_loop()
    async with AsyncTaskTracker(run.base_url, api_key=run.api_key) as client:
        worker = client.worker(*handlers.task_types, **options.of_worker(run.until_empty))
        crew = _Crew(worker, handlers, options, run)
        with _stopped_by_signals(crew), stops.by(partial(_tell, loop, crew.stop_gently)):
            async with worker:
                await crew.run()


def _tell(loop: asyncio.AbstractEventLoop, what: Callable[[], object]) -> None:
    with suppress(RuntimeError):  # it has closed by now, and the run is over
        loop.call_soon_threadsafe(what)


class _Crew:
    """The jobs under way."""

    def __init__(self, worker: AsyncWorker, handlers: Handlers, options: PoolOptions, run: Run) -> None:
        self._worker = worker
        self._handlers = handlers
        self._options = options
        self._run = run
        self._running: set[asyncio.Task[None]] = set()
        self._stopped = asyncio.Event()
        self._over = asyncio.Event()
        self._grace: asyncio.TimerHandle | None = None

    def stop(self) -> None:
        """Claim nothing more, and release what runs after the grace; at the second time, at once."""
        if self._stopped.is_set():
            self._over.set()
            return
        self._stopped.set()
        logger.info("no new claims; jobs have %g s to end", self._options.grace_seconds)
        loop = asyncio.get_running_loop()
        self._grace = loop.call_later(self._options.grace_seconds, self._over.set)

    def stop_gently(self) -> None:
        """The same; a second time changes nothing."""
        if not self._stopped.is_set():
            self.stop()

    async def run(self) -> None:
        """Claim and work, then let what runs come to its end, also where a claim was refused."""
        stopped = asyncio.create_task(self._stopped.wait())
        try:
            try:
                await self._work(stopped)
            except Exception:
                await self._end()
                raise
            await self._end()
        finally:
            stopped.cancel()
            if self._grace is not None:
                self._grace.cancel()
            await self._release()

    async def _work(self, stopped: "asyncio.Task[Any]") -> None:
        while not self._stopped.is_set():
            if len(self._running) >= self._options.concurrency:
                await asyncio.wait({stopped, *self._running}, return_when=asyncio.FIRST_COMPLETED)
            elif (job := await self._claim(stopped)) is not None:
                self._begin(job)
            elif self._run.until_empty:
                return

    async def _claim(self, stopped: "asyncio.Task[Any]") -> AsyncJob[Any] | None:
        wait_seconds = 0 if self._run.until_empty else self._options.wait_seconds
        claim = asyncio.create_task(self._worker.take(wait_seconds))
        try:
            await asyncio.wait({claim, stopped}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            claim.cancel()
        try:
            return await claim
        except asyncio.CancelledError:
            if not claim.cancelled():
                raise
            return None

    def _begin(self, job: AsyncJob[Any]) -> None:
        task = asyncio.create_task(self._handlers.awork(job), name=f"tasktracker-{job.task_type}-{job.id}")
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def _end(self) -> None:
        over = asyncio.create_task(self._over.wait())
        try:
            while self._running and not over.done():
                await asyncio.wait({over, *self._running}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            over.cancel()

    async def _release(self) -> None:
        for task in self._running:
            task.cancel()
        if self._running:
            await asyncio.wait(self._running, timeout=_RELEASE_SECONDS)
        for task in self._running:
            logger.warning("%s goes on though it was cancelled; released", task.get_name())
        await self._worker.take_back("the worker shut down")


@contextmanager
def _stopped_by_signals(crew: _Crew) -> Iterator[None]:
    signals = own_signals()
    loop = asyncio.get_running_loop()
    with borrowed(signals):  # so that the loop's own end is handled as its beginning was
        try:
            for each in signals:
                loop.add_signal_handler(each, crew.stop)
            yield
        finally:
            for each in signals:
                loop.remove_signal_handler(each)
