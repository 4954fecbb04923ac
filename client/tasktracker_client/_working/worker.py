"""Workers: claim one task after another, and keep each while your code does it."""

import asyncio
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Final, Literal, Self, TypeAlias

import httpx

from tasktracker_client._calling.driving import adrive, drive
from tasktracker_client._config import Config
from tasktracker_client._names import new_worker_id
from tasktracker_client._refs import Hold
from tasktracker_client._working.async_job import AsyncJob
from tasktracker_client._working.beats_process import ProcessBeats
from tasktracker_client._working.claiming import Claims
from tasktracker_client._working.held import Held
from tasktracker_client._working.job import Job, JobState
from tasktracker_client._working.keeper import AsyncKeeper, Beats, Keeper, ThreadBeats
from tasktracker_client._working.keeping import HASTE_SECONDS, give_back
from tasktracker_client._working.stop import Stop
from tasktracker_schema.answers import Task
from tasktracker_schema.limits import LEASE_SECONDS_MIN
from tasktracker_schema.names import JsonObject

HeartbeatsBy: TypeAlias = Literal["thread", "process"]
"""``thread``: enough unless a job keeps the interpreter's lock for seconds; ``process``: then too."""

WAIT_SECONDS: Final = 30
"""How long one claim waits: shorter than the idle limits of common proxies (60 s)."""
LEASE_SECONDS: Final = 30
LATEST_SECONDS: Final = 1.0
UNTIL_EMPTY_SECONDS: Final = 60.0
"""How long a worker that is to end when there is nothing left waits for a service that is away."""
_BEATS: Final[dict[HeartbeatsBy, Callable[[Keeper], Beats]]] = {
    "thread": ThreadBeats,
    "process": ProcessBeats,
}


class _WorkerState:
    """What both kinds of worker are."""

    def __init__(
        self,
        task_types: tuple[str, ...],
        config: Config,
        keeper: Keeper,
        *,
        worker_id: str | None,
        lease_seconds: int,
        wait_seconds: int,
        latest_seconds: float,
        until_empty: bool,
    ) -> None:
        if not task_types:
            raise ValueError("name at least one task type to work on")
        if lease_seconds < LEASE_SECONDS_MIN:
            raise ValueError(f"lease_seconds must be {LEASE_SECONDS_MIN} or more, not {lease_seconds}")
        self.worker_id: Final = worker_id or new_worker_id()
        """Who claims: ``host:pid:random`` unless it was given."""
        self._config = config
        self._keeper = keeper
        away_seconds = UNTIL_EMPTY_SECONDS if until_empty else math.inf
        self._claims = Claims(task_types, self.worker_id, lease_seconds, away_seconds=away_seconds)
        self._lease_seconds = lease_seconds
        self._wait_seconds = 0 if until_empty else wait_seconds
        self._latest_seconds = latest_seconds
        self._until_empty = until_empty
        self._stop: Final = Stop()
        self._takers: list[object] = []

    @property
    def stopping(self) -> bool:
        """Whether ``stop`` was called."""
        return self._stop.is_set()

    def stop(self) -> None:
        """Claim nothing more; the iteration ends after the job under way. Safe from any thread.

        A claim that waits is not interrupted: it ends within its ``wait_seconds``, and a task it brought is
        still done.
        """
        self._stop.set()

    @contextmanager
    def _taking(self) -> Iterator[None]:
        """Claims have a name, to be asked for again: two at once would be one, and get the same task."""
        self._keeper.check_process()
        me = object()
        try:
            self._takers.append(me)
            if self._takers[0] is not me:
                raise RuntimeError(
                    "this worker is claiming already, for another thread or asyncio task; "
                    "make a worker for each, or use a WorkerPool"
                )
            yield
        finally:
            if me in self._takers:
                self._takers.remove(me)

    def _hold(self, task: Task) -> Held:
        hold = Hold(task.id, self.worker_id, task.attempt)
        held = Held(
            hold,
            self._lease_seconds,
            next_seq_id=(task.last_seq_id or 0) + 1,
            latest_seconds=self._latest_seconds,
            is_cancelled=task.cancel_requested_at is not None,
        )
        self._keeper.hold(held)
        self._claims.taken()
        return held

    def _under_way(self) -> list[Held]:
        return [each for each in self._keeper.held if not each.is_ended]

    def _check_ended(self, job: JobState[Any] | None) -> None:
        if job is not None and not (job.ended or job.lease_lost):
            raise RuntimeError(
                f"{job!r} was neither done nor ended before the next one was asked for; "
                "do it in `with job:`, or end it by complete, fail or release"
            )


class Worker(_WorkerState):
    """Iterate over it to get jobs, in its ``with`` block; made by ``TaskTracker.worker``.

    It claims when it is asked for the next job, and holds no more than that one.
    """

    def __init__(
        self,
        task_types: tuple[str, ...],
        config: Config,
        http: httpx.Client,
        *,
        heartbeats: HeartbeatsBy,
        **options: Any,
    ) -> None:
        super().__init__(task_types, config, Keeper(config, http, _BEATS[heartbeats]), **options)
        self._http = http
        self._job: Job[JsonObject] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Job[JsonObject]:
        self._check_ended(self._job)
        job = self.claim(self._wait_seconds)
        while job is None:
            if self.stopping or self._until_empty:
                raise StopIteration
            job = self.claim(self._wait_seconds)
        return job

    def claim(self, wait_seconds: int = 0) -> Job[JsonObject] | None:
        """The next job, or ``None`` when there is none in the time given or the worker is stopping."""
        self._check_ended(self._job)
        self._job = None
        self._job = self.take(wait_seconds)
        return self._job

    def take(self, wait_seconds: int) -> Job[JsonObject] | None:
        """The same for a caller that does several jobs at once, and sees to each of them."""
        with self._taking():
            flow = self._claims.claim(wait_seconds, self._stop.is_set)
            task = drive(flow, self._config, self._http, sleep=self._stop.sleep)
            return None if task is None else Job(task, task.params or {}, self._hold(task), self._keeper)

    def take_back(self, reason: str) -> None:
        """Release what is under way, whose code is told ``LeaseLost`` at its next call."""
        held = self._under_way()
        try:
            self._keeper.drive(give_back(held), HASTE_SECONDS)
        finally:
            for each in held:
                each.lost(reason)

    def close(self) -> None:
        """Release what is under way, and end the threads that kept it."""
        self.stop()
        if self._keeper.is_forked:  # it is the parent's
            return
        try:
            self.take_back("its worker was closed")
            self._keeper.drive(self._claims.give_back(), HASTE_SECONDS)
        finally:
            self._keeper.close()


class AsyncWorker(_WorkerState):
    """Iterate over it to get jobs, in its ``async with`` block; made by ``AsyncTaskTracker.worker``.

    It claims when it is asked for the next job, and holds no more than that one. A claim that is cancelled
    takes nothing: the service sees that its caller left.
    """

    def __init__(
        self,
        task_types: tuple[str, ...],
        config: Config,
        http: httpx.AsyncClient,
        keeper_http: httpx.Client | None,
        *,
        heartbeats: HeartbeatsBy,
        **options: Any,
    ) -> None:
        keeper = AsyncKeeper(config, keeper_http, http, _BEATS[heartbeats])
        super().__init__(task_types, config, keeper, **options)
        self._async_keeper = keeper
        self._http = http
        self._job: AsyncJob[JsonObject] | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> AsyncJob[JsonObject]:
        self._check_ended(self._job)
        job = await self.claim(self._wait_seconds)
        while job is None:
            if self.stopping or self._until_empty:
                raise StopAsyncIteration
            job = await self.claim(self._wait_seconds)
        return job

    async def claim(self, wait_seconds: int = 0) -> AsyncJob[JsonObject] | None:
        """The next job, or ``None`` when there is none in the time given or the worker is stopping."""
        self._check_ended(self._job)
        self._job = None
        self._job = await self.take(wait_seconds)
        return self._job

    async def take(self, wait_seconds: int) -> AsyncJob[JsonObject] | None:
        """The same for a caller that does several jobs at once, and sees to each of them."""
        with self._taking():
            flow = self._claims.claim(wait_seconds, self._stop.is_set)
            task = await adrive(flow, self._config, self._http)
            if task is None:
                return None
            return AsyncJob(task, task.params or {}, self._hold(task), self._async_keeper)

    async def take_back(self, reason: str) -> None:
        """Release what is under way, whose code is told ``LeaseLost`` at its next call."""
        held = self._under_way()
        try:
            await self._async_keeper.adrive(give_back(held), HASTE_SECONDS)
        finally:
            for each in held:
                each.lost(reason)

    async def aclose(self) -> None:
        """Release what is under way, and end the threads that kept it."""
        self.stop()
        if self._keeper.is_forked:  # it is the parent's
            return
        try:
            await self.take_back("its worker was closed")
            await self._async_keeper.adrive(self._claims.give_back(), HASTE_SECONDS)
        finally:
            await asyncio.to_thread(self._keeper.close)
