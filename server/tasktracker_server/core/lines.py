"""Who is next: those who want the same are served together, and nobody waits for one who wants much."""

from collections import deque
from collections.abc import Callable, Hashable
from typing import Generic, TypeAlias, TypeVar

T = TypeVar("T")

Place: TypeAlias = tuple[Hashable, Hashable]
"""Whose something is, and what it can be done along with."""

ONE_PLACE: Place = (None, None)


class Line(Generic[T]):
    """What waits, by its place: owners take turns, and each turn is of one group, whoever else is in that.

    With all in one place it is first come, first served.
    """

    def __init__(self, place: Callable[[T], Place]) -> None:
        self._place = place
        self._owners: dict[Hashable, dict[Hashable, deque[T]]] = {}
        """Owners in the order of their turns; of each what waits, by group."""
        self._groups: dict[Hashable, dict[Hashable, None]] = {}
        """The owners of what waits in each group."""
        self._turn: Hashable = None

    def __bool__(self) -> bool:
        return bool(self._owners)

    def append(self, one: T) -> None:
        """Line up."""
        owner, group = self._place(one)
        groups = self._owners.setdefault(owner, {})
        if group in groups:
            groups[group].append(one)
        else:
            groups[group] = deque((one,))
            self._groups.setdefault(group, {})[owner] = None

    def begin_turn(self) -> None:
        """The next owner's turn; where nothing waits there is none."""
        owner = next(iter(self._owners))
        groups = self._owners[owner]
        self._turn = next(iter(groups))
        if len(self._owners) > 1:
            self._owners[owner] = self._owners.pop(owner)
        if len(groups) > 1:
            groups[self._turn] = groups.pop(self._turn)
        # The others of the group come after the owner whose turn it is.
        self._groups[self._turn] = {owner: None, **self._groups[self._turn]}

    def first(self) -> T | None:
        """The next of this turn, if there is one."""
        owners = self._groups.get(self._turn)
        return self._owners[next(iter(owners))][self._turn][0] if owners else None

    def pop(self) -> T:
        """Take the next of this turn out of the line."""
        group = self._turn
        owner = next(iter(self._groups[group]))
        waiting = self._owners[owner][group]
        one = waiting.popleft()
        if not waiting:
            self._leave(owner, group)
        return one

    def _leave(self, owner: Hashable, group: Hashable) -> None:
        groups, owners = self._owners[owner], self._groups[group]
        del groups[group], owners[owner]
        if not groups:
            del self._owners[owner]
        if not owners:
            del self._groups[group]
