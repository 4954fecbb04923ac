"""The line of those who wait for tasks: who is to look when tasks become claimable.

A waiter that looks asks the database for a task; one that rests does nothing until it is called. A call is
about one task, and is entrusted to the one who rested longest. It is spent when a look that began after it
gets that very task, or finds nothing at all: then somebody else has it. Whoever gets another task, or goes
away, hands the call on. So a call wakes as few as it can, and nobody rests beside a task that is free.

Those who look when nobody rests may look too early to see the task: they look again if they find nothing.
"""

from collections import Counter
from collections.abc import Collection, Hashable, Iterable, Sequence
from typing import Generic, TypeAlias, TypeVar

K = TypeVar("K", bound=Hashable)
W = TypeVar("W", bound="Waiter")

Named: TypeAlias = tuple[str, str]
"""A task's id and its type."""


class Waiter:
    """Somebody who waits for up to ``slots`` tasks of any of these types."""

    __slots__ = ("calls", "is_late", "is_looking", "name", "slots", "task_types")

    def __init__(self, task_types: tuple[str, ...], slots: int = 1) -> None:
        self.task_types = task_types
        self.slots = slots
        self.name: Hashable | None = None
        self.is_looking = True
        self.is_late = False
        """Its look may have begun before a task came."""
        self.calls: list[Named] = []
        """The tasks it was called for."""


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

    def call(self, task_type: str, task_ids: Sequence[str]) -> tuple[list[W], Sequence[str]]:
        """Tasks of a type can be claimed: who begins to look, and the tasks that nobody was called for."""
        called: list[W] = []
        looking: list[W] = []
        for waiter in self._by_type.get(task_type, ()):
            if not task_ids:
                break
            if waiter.is_looking:
                looking.append(waiter)
                continue
            waiter.calls += [(task_id, task_type) for task_id in task_ids[: waiter.slots]]
            waiter.is_looking = True
            called.append(waiter)
            task_ids = task_ids[waiter.slots :]
        if task_ids:
            for waiter in looking:
                waiter.is_late = True
        return called, task_ids

    def call_named(self, name: Hashable) -> list[W]:
        """Have those of this name look who rest: there is something for them."""
        called = [waiter for waiter in self._by_name.get(name, ()) if not waiter.is_looking]
        for waiter in called:
            waiter.is_looking = True
        return called

    def rest(self, waiter: W) -> bool:
        """The look found nothing: whether to rest now; else it looks again."""
        waiter.calls.clear()
        waiter.is_looking, waiter.is_late = waiter.is_late, False
        return not waiter.is_looking

    def leave(self, waiter: W, taken: Collection[str] = ()) -> list[Named]:
        """Go away with these tasks: the calls that are to be handed on."""
        del self._waiters[waiter]
        self.places -= len(waiter.task_types)
        for task_type in waiter.task_types:
            _remove(self._by_type, task_type, waiter)
        if waiter.name is not None:
            _remove(self._by_name, waiter.name, waiter)
        return [call for call in waiter.calls if call[0] not in taken]

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


def by_type(tasks: Iterable[Named]) -> dict[str, list[str]]:
    """The ids of tasks, by their types."""
    found: dict[str, list[str]] = {}
    for task_id, task_type in tasks:
        found.setdefault(task_type, []).append(task_id)
    return found


def _remove(places: dict[K, dict[W, None]], key: K, waiter: W) -> None:
    del places[key][waiter]
    if not places[key]:
        del places[key]
