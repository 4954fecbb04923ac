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
from tasktracker_server.core.lines import ONE_PLACE, Line, Place

I = TypeVar("I")  # noqa: E741 - the conventional name for an item type
R = TypeVar("R")


class _Call(Generic[I, R]):
    """An item, its key, and those who wait for its result."""

    __slots__ = ("future", "item", "key", "others")

    def __init__(self, item: I, key: Hashable, future: asyncio.Future[R]) -> None:
        self.item = item
        self.key = key
        self.future = future
        self.others: list[asyncio.Future[R]] | None = None
        """Who asked for the same meanwhile."""

    @property
    def is_given_up(self) -> bool:
        """Whether nobody waits any more."""
        return self.future.done() and (self.others is None or all(other.done() for other in self.others))


@dataclass(frozen=True, slots=True)
class Lane:
    """How much goes into one batch, and how much may wait for one."""

    max_items: int = 256
    max_bytes: int = 8 * 1024 * 1024
    """Of a batch of several items; one that is larger by itself goes alone."""
    max_waiting: int = 4_096
    max_line: int = 32
    """Items of the same key that wait for each other, where equal ones are done once."""
    in_flight: int = 2


SINGLE = Lane()
"""For calls about one task."""
BULK = Lane(max_items=limits.BULK_ITEMS_MAX, max_waiting=32 * limits.BULK_ITEMS_MAX)
"""For bulk calls: the items of one make up one batch."""


class Coalescer(Generic[I, R]):
    """Runs single items through a batch function.

    ``run`` answers one result for each item, in order; an exception among them is raised for its item
    alone, one raised by ``run`` for all. First come, first served; but items with the same ``key`` (unless
    it is ``None``) are run one after another, and each lines up when the one before it is done, so that a
    busy key holds up no other. With ``once`` an item that equals the last one waiting with its key is done
    along with it. With a ``place`` (whose an item is, and its group) a batch is of one group only, and
    owners take turns, so that none waits for all that another one wants. ``size`` tells an item's bytes.
    Whoever is cancelled before its batch starts is left out of it; afterwards its result goes to
    ``on_dropped``, which does not go with ``once``.
    """

    def __init__(
        self,
        run: Callable[[list[I]], Awaitable[Sequence[R | Exception]]],
        *,
        key: Callable[[I], Hashable] | None = None,
        size: Callable[[I], int] | None = None,
        on_dropped: Callable[[I, R], None] | None = None,
        once: bool = False,
        place: Callable[[I], Place] | None = None,
        lane: Lane = SINGLE,
    ) -> None:
        self._run = run
        self._key = key
        self._size = size
        self._on_dropped = on_dropped
        self._once = once
        self._lane = lane
        self._free = lane.in_flight
        self._waiting = 0
        self._ready: Line[_Call[I, R]] = Line(lambda call: ONE_PLACE if place is None else place(call.item))
        """Those whose turn it is: at most one of a key, and none of a key that is under way."""
        self._behind: dict[Hashable, deque[_Call[I, R]] | None] = {}
        """Each key of which one is ready or under way, and those that wait for it to be done."""
        self._last: dict[Hashable, _Call[I, R]] = {}
        """The last one that waits of each key, where equal items are done once."""
        self._scheduled = False
        self._tasks: set[asyncio.Task[None]] = set()

    async def submit(self, item: I) -> R:
        """The result of ``item``.

        Raises:
            Overloaded: too many are waiting already, or too many with this key.
        """
        if self._waiting >= self._lane.max_waiting:
            raise Overloaded
        loop = asyncio.get_running_loop()
        future: asyncio.Future[R] = loop.create_future()
        self._line_up(item, future)
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

    def _line_up(self, item: I, future: asyncio.Future[R]) -> None:
        key = None if self._key is None else self._key(item)
        if self._once and self._joins(item, key, future):
            return
        call = _Call(item, key, future)
        if key is None:
            self._ready.append(call)
        elif key in self._behind:
            self._behind[key] = line = self._behind[key] or deque()
            if self._once and len(line) >= self._lane.max_line:
                raise Overloaded
            line.append(call)
        else:
            self._behind[key] = None
            self._ready.append(call)
        if self._once:
            self._last[key] = call
        self._waiting += 1

    def _joins(self, item: I, key: Hashable, future: asyncio.Future[R]) -> bool:
        last = self._last.get(key)
        if last is None or last.item != item:
            return False
        last.others = others = last.others or []
        others.append(future)
        return True

    def _let_next(self, key: Hashable) -> None:
        """An item with this key is done: the next one lines up."""
        if key is not None and (line := self._behind.pop(key)):
            self._ready.append(line.popleft())
            self._behind[key] = line

    def _start(self) -> None:
        self._scheduled = False
        while self._free and (batch := self._take()):
            self._free -= 1
            task = asyncio.create_task(self._settle(batch))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def _take(self) -> list[_Call[I, R]]:
        batch: list[_Call[I, R]] = []
        while self._ready and not batch:
            self._ready.begin_turn()
            self._fill(batch)
        return batch

    def _fill(self, batch: list[_Call[I, R]]) -> None:
        size = 0
        while len(batch) < self._lane.max_items and (call := self._ready.first()) is not None:
            if call.is_given_up:
                self._leave_line()
                self._let_next(call.key)
                continue
            if self._size is not None:
                size += self._size(call.item)
                if batch and size > self._lane.max_bytes:
                    break
            batch.append(self._leave_line())

    def _leave_line(self) -> _Call[I, R]:
        call = self._ready.pop()
        self._waiting -= 1
        if self._once and self._last.get(call.key) is call:
            del self._last[call.key]
        return call

    async def _settle(self, batch: list[_Call[I, R]]) -> None:
        results: Sequence[R | Exception]
        try:
            results = await self._run([call.item for call in batch])
        except Exception as error:
            results = [error] * len(batch)
        finally:
            self._free += 1
        for call, result in zip(batch, results, strict=True):
            self._let_next(call.key)
            self._tell(call.item, call.future, result)
            for other in call.others or ():
                self._tell(call.item, other, result)
        if self._ready:
            self._start()

    def _tell(self, item: I, future: asyncio.Future[R], result: R | Exception) -> None:
        if future.done():
            if not isinstance(result, Exception):
                self._drop(item, result)
        elif isinstance(result, Exception):
            future.set_exception(result)
        else:
            future.set_result(result)

    def _drop(self, item: I, result: R) -> None:
        if self._on_dropped is not None:
            self._on_dropped(item, result)
