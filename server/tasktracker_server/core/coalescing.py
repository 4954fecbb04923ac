"""Group commit: requests that arrive while a batch is under way make up the next one.

Nobody waits for a timer: an idle coalescer starts at the end of the present turn of the event loop, so a
lone request is a batch of one, and under load one round trip carries hundreds.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from tasktracker_schema import limits
from tasktracker_server.core.errors import Overloaded

I = TypeVar("I")  # noqa: E741 - the conventional name for an item type
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Lane:
    """How much goes into one batch, and how much may wait for one."""

    max_items: int = 256
    max_waiting: int = 4_096
    in_flight: int = 2


SINGLE = Lane()
"""For calls about one task."""
BULK = Lane(max_items=limits.BULK_ITEMS_MAX, max_waiting=32 * limits.BULK_ITEMS_MAX)
"""For bulk calls: the items of one make up one batch."""


class Coalescer(Generic[I, R]):
    """Runs single items through a batch function.

    ``run`` answers one result for each item, in order; an exception among them is raised for its item
    alone, one raised by ``run`` for all. Items with the same ``key`` never share a batch. Whoever is
    cancelled before its batch starts is left out of it; afterwards its result goes to ``on_dropped``.
    """

    def __init__(
        self,
        run: Callable[[list[I]], Awaitable[Sequence[R | Exception]]],
        *,
        key: Callable[[I], Hashable] | None = None,
        on_dropped: Callable[[I, R], None] | None = None,
        lane: Lane = SINGLE,
    ) -> None:
        self._run = run
        self._key = key
        self._on_dropped = on_dropped
        self._max_items = lane.max_items
        self._max_waiting = lane.max_waiting
        self._free = lane.in_flight
        self._waiting: deque[tuple[I, asyncio.Future[R]]] = deque()
        self._scheduled = False
        self._tasks: set[asyncio.Task[None]] = set()

    async def submit(self, item: I) -> R:
        """The result of ``item``.

        Raises:
            Overloaded: too many are waiting already.
        """
        if len(self._waiting) >= self._max_waiting:
            raise Overloaded
        loop = asyncio.get_running_loop()
        future: asyncio.Future[R] = loop.create_future()
        self._waiting.append((item, future))
        if self._free and not self._scheduled:
            self._scheduled = True
            loop.call_soon(self._start)
        try:
            return await future
        except asyncio.CancelledError:
            # Cancelled in the moment between the result and its taking: nobody else knows of it.
            if not future.cancelled() and future.exception() is None:
                self._drop(item, future.result())
            raise

    def _drop(self, item: I, result: R) -> None:
        if self._on_dropped is not None:
            self._on_dropped(item, result)

    def _start(self) -> None:
        self._scheduled = False
        while self._free and (batch := self._take()):
            self._free -= 1
            task = asyncio.create_task(self._settle(batch))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def _take(self) -> list[tuple[I, asyncio.Future[R]]]:
        batch: list[tuple[I, asyncio.Future[R]]] = []
        later: list[tuple[I, asyncio.Future[R]]] = []
        keys: set[Hashable] = set()
        while self._waiting and len(batch) < self._max_items:
            pair = self._waiting.popleft()
            if pair[1].done():
                continue
            if self._key is not None:
                key = self._key(pair[0])
                if key in keys:
                    later.append(pair)
                    continue
                keys.add(key)
            batch.append(pair)
        self._waiting.extendleft(reversed(later))
        return batch

    async def _settle(self, batch: list[tuple[I, asyncio.Future[R]]]) -> None:
        try:
            results: Sequence[R | Exception] = await self._run([item for item, _ in batch])
        except Exception as error:
            results = [error] * len(batch)
        finally:
            self._free += 1
        for (item, future), result in zip(batch, results, strict=True):
            if future.done():
                if not isinstance(result, Exception):
                    self._drop(item, result)
            elif isinstance(result, Exception):
                future.set_exception(result)
            else:
                future.set_result(result)
        if self._waiting:
            self._start()
