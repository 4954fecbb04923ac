"""Where claims wait for tasks, and how they hear of them.

Whatever makes tasks claimable tells the waiting room after its commit. The room calls its own waiters
first; what none of them takes on is published for the other processes. A look at the database now and then
finds what was lost on the way: by a crash before the call, or with a call while Redis was away.
"""

import asyncio
import secrets
from collections import Counter
from collections.abc import Awaitable, Callable, Hashable, Iterable, Sequence
from contextlib import suppress
from typing import Final

import msgspec
from msgspec import Struct

from tasktracker_schema.answers import Task
from tasktracker_server.core.errors import Overloaded, TrackerError
from tasktracker_server.core.waiting import Line, Named, Waiter, by_type
from tasktracker_server.service.ports import ProgressLog, TaskStore

CHECK_SECONDS: Final = 2.0
"""How often :meth:`WaitingRoom.check` is to be called."""
_TYPES_EACH: Final = 10
"""A full room holds so many task types for each claim, on the average."""
_UNTOLD_MAX: Final = 10_000
"""Tasks that wait for being published; what is more is left to the checks."""
_TASKS_CHECKED: Final = 1_000
"""Tasks of one type that one check calls for at most."""
_TYPES_CHECKED: Final = 10_000
"""Task types looked at in one check; where there are more, they take turns."""


class _Call(Struct):
    """What processes tell each other: the tasks, by type, that became claimable."""

    sender: str
    tasks: dict[str, list[str]]


_read_call: Final = msgspec.json.Decoder(_Call).decode


class _Parked(Waiter):
    """A waiter whose claim sleeps while it rests."""

    __slots__ = ("woken",)

    def __init__(self, task_types: tuple[str, ...], slots: int) -> None:
        super().__init__(task_types, slots)
        self.woken: asyncio.Future[bool] | None = None

    def wake(self, look: bool) -> None:
        """Have it look, or else go."""
        if self.woken is not None and not self.woken.done():
            self.woken.set_result(look)


class WaitingRoom:
    """Claims that wait, in the order in which they came; each costs memory and nothing else."""

    def __init__(self, store: TaskStore, live: ProgressLog, *, limit: int) -> None:
        """``limit`` is how many may wait at once."""
        self._store = store
        self._live = live
        self.limit = limit
        self._line: Line[_Parked] = Line()
        self._is_closed = False
        self._name = secrets.token_hex(8)
        self._untold: list[Named] = []
        self._telling: asyncio.Task[None] | None = None
        self._checked = 0

    async def wait(
        self,
        task_types: tuple[str, ...],
        slots: int,
        seconds: float,
        name: Hashable | None,
        look: Callable[[], Awaitable[list[Task]]],
    ) -> list[Task]:
        """What ``look`` finds, now or as soon as there is something; nothing when the time is over.

        Claims of the same ``name`` find the same: what one of them finds calls the others.

        Raises:
            Overloaded: there is nothing now, and the room is full.
        """
        if not seconds or self._is_closed:
            return await look()
        if self._is_full():
            if there := await look():
                return there
            raise Overloaded("Too many claims wait at this instance; claim without `waitSeconds`, or later.")
        deadline = asyncio.get_running_loop().time() + seconds
        waiter = _Parked(task_types, slots)
        self._line.join(waiter, name)
        found: list[Task] = []
        try:
            while not (found := await look()) and await self._rest(waiter, deadline):
                pass
        except asyncio.CancelledError:
            self.became_claimable(self._line.leave(waiter))
            raise
        except Exception:
            # A store that is away would refuse the next waiter too: the call is left to the check.
            self._line.leave(waiter)
            raise
        self.became_claimable(self._line.leave(waiter, {task.id for task in found}))
        if found and name is not None:
            self._wake(self._line.call_named(name))
        return found

    async def _rest(self, waiter: _Parked, deadline: float) -> bool:
        """Sleep until called; False when it is time to go."""
        loop = asyncio.get_running_loop()
        if self._is_closed or loop.time() >= deadline:
            return False
        if not self._line.rest(waiter):
            return True
        waiter.woken = loop.create_future()
        timer = loop.call_at(deadline, waiter.wake, False)
        try:
            return await waiter.woken
        finally:
            timer.cancel()

    def _is_full(self) -> bool:
        return len(self._line) >= self.limit or self._line.places >= self.limit * _TYPES_EACH

    def became_claimable(self, tasks: Iterable[Named]) -> None:
        """These tasks can be claimed: call who waits for them.

        To be told after the commit. What nobody here is called for is published, in the background.
        """
        for task_type, task_ids in by_type(tasks).items():
            left = self._call(task_type, task_ids)
            if len(self._untold) < _UNTOLD_MAX:
                self._untold += [(task_id, task_type) for task_id in left]
        if self._untold and self._telling is None:
            self._telling = asyncio.create_task(self._tell(), name="waiting-room-tell")

    def _call(self, task_type: str, task_ids: Sequence[str]) -> Sequence[str]:
        called, left = self._line.call(task_type, task_ids)
        self._wake(called)
        return left

    def _wake(self, waiters: Iterable[_Parked]) -> None:
        for waiter in waiters:
            waiter.wake(True)

    async def _tell(self) -> None:
        try:
            while self._untold:
                tasks, self._untold = self._untold, []
                with suppress(TrackerError):
                    await self._live.wake(msgspec.json.encode(_Call(self._name, by_type(tasks))))
        finally:
            self._telling = None

    def hear(self, message: bytes) -> None:
        """Take what another process published."""
        try:
            call = _read_call(message)
        except msgspec.DecodeError:
            return  # Not one of ours.
        if call.sender != self._name:
            for task_type, task_ids in call.tasks.items():
                self._call(task_type, task_ids)

    async def check(self) -> None:
        """Look for tasks that nobody called for: one statement for all who wait, none if nobody does.

        Raises:
            Unavailable
        """
        if wanted := self._line.wanted():
            there = await self._store.claimable(self._turn(wanted))
            for task_type, task_ids in by_type(there).items():
                self._call(task_type, task_ids)

    def _turn(self, wanted: Counter[str]) -> dict[str, int]:
        task_types = list(wanted)
        if len(task_types) > _TYPES_CHECKED:
            start = self._checked % len(task_types)
            self._checked = start + _TYPES_CHECKED
            task_types = (task_types[start:] + task_types[:start])[:_TYPES_CHECKED]
        return {task_type: min(wanted[task_type], _TASKS_CHECKED) for task_type in task_types}

    def close(self) -> None:
        """Let all go who wait, and nobody wait from now on."""
        self._is_closed = True
        for waiter in self._line.resting():
            waiter.wake(False)

    async def aclose(self) -> None:
        """See that what is to be told is told."""
        if self._telling is not None:
            await self._telling
