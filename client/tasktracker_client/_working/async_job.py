"""A claimed task in the hands of asynchronous code."""

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Mapping, Sized
from types import TracebackType
from typing import Any, Final, Self, TypeVar, overload

from tasktracker_client._calling.api import Json, JsonObjectLike
from tasktracker_client._calling.calls import Flow
from tasktracker_client._errors import TaskTrackerError
from tasktracker_client._working.bar import JobBar
from tasktracker_client._working.held import Held, JobEnded
from tasktracker_client._working.job import JobState, P, entry_of, steps_of
from tasktracker_client._working.keeper import AsyncKeeper
from tasktracker_client._working.keeping import END_SECONDS, HASTE_SECONDS, release
from tasktracker_schema.answers import EndedTask, FailedTask, ReleasedTask, Task

T = TypeVar("T")
_FULL_SECONDS: Final = 0.02


class AsyncJob(JobState[P]):
    """A claimed task. Leave its ``async with`` block to end it, as with ``Job``.

    Heartbeats come from a thread, so that a job which never awaits keeps its lease. A cancelled asyncio task
    releases its job.
    """

    def __init__(self, task: Task, params: P, held: Held, keeper: AsyncKeeper) -> None:
        super().__init__(task, params, held, keeper)
        self._async_keeper = keeper

    async def __aenter__(self) -> Self:
        return self._entered()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        if self._keeper.is_forked:  # the job is the parent's, which goes on with it
            return False
        flow = self._leaving(error)
        patience = None if error is None or isinstance(error, Exception) else HASTE_SECONDS
        try:
            while flow is not None:
                try:
                    await self._end(flow, patience)
                except JobEnded:  # by an end that was under way when this task was cancelled
                    break
                except TaskTrackerError as problem:
                    flow = self._instead(error, problem)
                else:
                    break
        finally:
            self._keeper.drop(self._held)
        return isinstance(error, Exception)

    async def progress(self, entry: JsonObjectLike = None, /, **fields: Any) -> None:
        """Report an entry: an object, or its fields. It is sent soon, in order, and never dropped.

        Raises ``LeaseLost`` when the task is somebody else's by now, ``CancelRequested`` when it was
        cancelled, and the ``ApiError`` of an earlier entry that the service refused.
        """
        written = entry_of(entry, fields)
        await self.check()
        self._put(written)
        while self._held.outbox.is_full:
            await asyncio.sleep(_FULL_SECONDS)
            self._held.check()

    async def latest(self, entry: JsonObjectLike = None, /, **fields: Any) -> None:
        """Report an entry that the next one replaces while it is not sent; at most one a second goes out.

        The last one is always sent. Raises what ``progress`` raises.
        """
        written = entry_of(entry, fields)
        await self.check()
        self._put_latest(written)

    async def steps(
        self, items: Iterable[T] | AsyncIterable[T], *, total: int | None = None, **fields: Any
    ) -> AsyncIterator[T]:
        """Iterate, and report ``{done, total, percent}`` as it goes, with ``latest``."""
        total = total if total is not None else len(items) if isinstance(items, Sized) else None
        done = 0
        await self.latest(**steps_of(done, total), **fields)
        async for item in _each(items):
            yield item
            done += 1
            await self.latest(**steps_of(done, total), **fields)

    @overload
    def tqdm(
        self,
        items: Iterable[T] | AsyncIterable[T],
        desc: str | None = None,
        total: float | None = None,
        **shown: Any,
    ) -> JobBar[T]: ...

    @overload
    def tqdm(
        self, items: None = None, desc: str | None = None, total: float | None = None, **shown: Any
    ) -> JobBar[Any]: ...

    def tqdm(
        self, items: Any = None, desc: str | None = None, total: float | None = None, **shown: Any
    ) -> JobBar[Any]:
        """A bar as of ``tqdm``, which reports ``{done, total, percent, desc, postfix}`` as it moves.

        Where ``tqdm`` is installed its bar is drawn too, and gets all other arguments. Raises what
        ``progress`` raises.
        """
        return JobBar(self._latest_now, items, desc, total, shown)

    def _latest_now(self, entry: Mapping[str, Any]) -> None:
        """As ``latest``, for code that can't await: a lease that ran out is not asked about."""
        written = entry_of(entry, {})
        self._keeper.check_process()
        self._held.check()
        self._put_latest(written)

    async def complete(self, result: Json = None) -> EndedTask:
        """End the task with its result; raises ``LeaseLost`` where it is somebody else's by now."""
        return await self._end(self._completing(result))

    async def fail(self, error: Json = None, *, retry: bool = True) -> FailedTask:
        """End the task with an error; it is retried as often as it may be, unless ``retry`` is false."""
        return await self._end(self._failing(error, retry))

    async def release(self) -> ReleasedTask:
        """Hand the task back to the queue, where it keeps its place, its history and its attempts."""
        return await self._end(release(self._held, END_SECONDS))

    async def check(self) -> None:
        """Raise ``LeaseLost`` or ``CancelRequested`` where it is so; costs nothing otherwise."""
        self._keeper.check_process()
        if self._held.needs_a_word:
            await self._async_keeper.aask(self._held)
        self._held.check()

    async def _end(self, flow: Flow[T], patience: float | None = None) -> T:
        """In a task that is waited for whatever happens to the caller: no end is half recorded.

        A cancelled caller waits for it in haste, for the service may be away.
        """
        self._check_open()
        ending = asyncio.ensure_future(self._async_keeper.adrive(flow, patience))
        try:
            return await asyncio.shield(ending)
        except asyncio.CancelledError:
            if not (await asyncio.wait([ending], timeout=HASTE_SECONDS))[0]:
                ending.cancel()
                await asyncio.wait([ending])
            if not ending.cancelled():
                ending.exception()  # it is about this end; leaving the block sees what is left to do
            raise
        finally:
            self._drop_ended()


async def _each(items: Iterable[T] | AsyncIterable[T]) -> AsyncIterator[T]:
    if isinstance(items, AsyncIterable):
        async for item in items:
            yield item
    else:
        for item in items:
            yield item
