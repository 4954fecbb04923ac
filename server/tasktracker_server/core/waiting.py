"""The line of those who wait for tasks: who is to look when tasks become claimable.

A waiter that looks asks the database for a task; one that rests does nothing until it is called. Calls are
handed out like tasks: each is entrusted to waiters who look, oldest first, for as many tasks as it is about,
and whoever leaves without having used a call hands it on. So a call wakes as few as it can, and none is
lost: not while a look is under way, and not with a waiter who goes away.
"""

from collections import Counter
from collections.abc import Hashable, Iterable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
W = TypeVar("W", bound="Waiter")


class Waiter:
    """Somebody who waits for up to ``slots`` tasks of any of these types."""

    __slots__ = ("before", "is_looking", "meanwhile", "name", "slots", "task_types")

    def __init__(self, task_types: tuple[str, ...], slots: int = 1) -> None:
        self.task_types = task_types
        self.slots = slots
        self.name: Hashable | None = None
        self.is_looking = True
        self.before: Counter[str] = Counter()
        """Calls entrusted to it before its look began: tasks of each type."""
        self.meanwhile: Counter[str] = Counter()
        """Calls that came while it looked; its look may have missed these tasks."""


class Line(Generic[W]):
    """Waiters in the order in which they came."""

    def __init__(self) -> None:
        self._waiters: dict[W, None] = {}
        self._by_type: dict[str, dict[W, None]] = {}
        self._by_name: dict[Hashable, dict[W, None]] = {}
        self.places = 0
        """The types of all waiters, counted for each."""

    def __len__(self) -> int:
        return len(self._waiters)

    def join(self, waiter: W, name: Hashable | None = None) -> None:
        """Stand at the end of the line; the waiter is about to look."""
        waiter.name = name
        if name is not None:
            self._by_name.setdefault(name, {})[waiter] = None
        self._waiters[waiter] = None
        self.places += len(waiter.task_types)
        for task_type in waiter.task_types:
            self._by_type.setdefault(task_type, {})[waiter] = None

    def call(self, task_type: str, count: int) -> tuple[list[W], int]:
        """So many tasks of a type can be claimed: who begins to look, and how many are left over.

        Where nobody rests, those who look already take the call on: they look again if they find nothing.
        """
        called: list[W] = []
        looking: list[W] = []
        for waiter in self._by_type.get(task_type, ()):
            if count <= 0:
                break
            if waiter.is_looking:
                looking.append(waiter)
                continue
            share = min(count, waiter.slots)
            waiter.before[task_type] += share
            waiter.is_looking = True
            called.append(waiter)
            count -= share
        for waiter in looking:
            if count <= 0:
                break
            share = min(count, waiter.slots)
            waiter.meanwhile[task_type] += share
            count -= share
        return called, count

    def call_named(self, name: Hashable) -> list[W]:
        """Have those of this name look who rest: there is something for them."""
        called = [waiter for waiter in self._by_name.get(name, ()) if not waiter.is_looking]
        for waiter in called:
            waiter.is_looking = True
        return called

    def rest(self, waiter: W) -> bool:
        """The look found nothing: whether to rest now; else a call came meanwhile, and it looks again."""
        waiter.before, waiter.meanwhile = waiter.meanwhile, Counter()
        waiter.is_looking = bool(waiter.before)
        return not waiter.is_looking

    def leave(self, waiter: W, taken: Iterable[str] = ()) -> Counter[str]:
        """Go away with tasks of these types: the calls that are still to be handed on."""
        del self._waiters[waiter]
        self.places -= len(waiter.task_types)
        for task_type in waiter.task_types:
            _remove(self._by_type, task_type, waiter)
        if waiter.name is not None:
            _remove(self._by_name, waiter.name, waiter)
        # Counters drop what is not positive when they are subtracted.
        return waiter.before + waiter.meanwhile - Counter(taken)

    def resting(self) -> list[W]:
        """Those who do not look."""
        return [waiter for waiter in self._waiters if not waiter.is_looking]

    def wanted(self) -> Counter[str]:
        """How many tasks of each type those who rest would take."""
        wanted: Counter[str] = Counter()
        for waiter in self.resting():
            for task_type in waiter.task_types:
                wanted[task_type] += waiter.slots
        return wanted


def _remove(places: dict[K, dict[W, None]], key: K, waiter: W) -> None:
    del places[key][waiter]
    if not places[key]:
        del places[key]
