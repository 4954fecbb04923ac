"""A breadth-first explorer of every reachable state, generic in the state.

Breadth first, because the first counterexample found is then a shortest one, and a short story is one that
gets read.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Hashable, Iterable
from typing import Generic, NamedTuple, TypeVar

State = TypeVar("State", bound=Hashable)


class BrokenPromise(Exception):
    """A property does not hold; ``promise`` is its name, ``why`` what was seen."""

    def __init__(self, promise: str, why: str) -> None:
        super().__init__(f"{promise}: {why}")
        self.promise = promise
        self.why = why


class Counterexample(NamedTuple):
    """The shortest way to a broken promise, as the lines of a story."""

    promise: str
    why: str
    steps: tuple[str, ...]
    world: str

    def story(self) -> str:
        """Return the numbered steps, the state they lead to, and what is wrong with it."""
        lines = [f"{number:3}. {step}" for number, step in enumerate(self.steps, start=1)]
        return "\n".join([f"BROKEN {self.promise}", *lines, f"  => {self.why}", f"     {self.world}"])


class Exploration(NamedTuple):
    """How much was looked at, and what was found (``None``: every promise holds everywhere)."""

    states: int
    moves: int
    found: Counterexample | None


class Explorer(Generic[State]):
    """Visits every state reachable from ``first`` by ``moves`` and asks ``check`` about each.

    A ``check`` that itself plays on from the state tells how by ``aftermath``.
    """

    def __init__(
        self,
        first: State,
        moves: Callable[[State], Iterable[tuple[str, State]]],
        check: Callable[[State], None],
        aftermath: Callable[[], Iterable[str]] = tuple,
    ) -> None:
        self._moves = moves
        self._check = check
        self._aftermath = aftermath
        self._came_from: dict[State, tuple[State, str] | None] = {first: None}
        self._queue: deque[State] = deque([first])
        self._taken = 0

    def run(self, most_states: int = 6_000_000) -> Exploration:
        """Explore to the end, or to the first broken promise; more than ``most_states`` is an error."""
        while self._queue:
            state = self._queue.popleft()
            try:
                self._check(state)
                self._expand(state)
            except BrokenPromise as broken:
                return self._report(self._counterexample(state, broken))
            if len(self._came_from) > most_states:
                raise RuntimeError(f"more than {most_states} states: the scenario is too large")
        return self._report(None)

    def _expand(self, state: State) -> None:
        came_from = self._came_from
        for label, following in self._moves(state):
            self._taken += 1
            if following not in came_from:
                came_from[following] = (state, label)
                self._queue.append(following)

    def _report(self, found: Counterexample | None) -> Exploration:
        return Exploration(len(self._came_from), self._taken, found)

    def _counterexample(self, state: State, broken: BrokenPromise) -> Counterexample:
        steps: list[str] = []
        origin = self._came_from[state]
        while origin is not None:
            steps.append(origin[1])
            origin = self._came_from[origin[0]]
        steps.reverse()
        steps.extend(self._aftermath())
        return Counterexample(broken.promise, broken.why, tuple(steps), str(state))
