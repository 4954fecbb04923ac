"""What a run of the model consists of: who takes part, which faults may happen, how small all is."""

from __future__ import annotations

from typing import NamedTuple

from model.rules import Rules
from model.state import Actor, Budget, Ghost, Redis, Row, World


class Scenario(NamedTuple):
    """A cast and its limits.

    ``block`` numbers are bought at once; ``page`` entries fit one REST (or one PEEK).  ``winner_may_die``
    False: the winner of the commit always gets to its end.
    """

    name: str
    actors: tuple[Actor, ...]
    budget: Budget = Budget()
    block: int = 2
    page: int = 9
    rules: Rules = Rules()
    excuse_known_double_fault: bool = True
    winner_may_die: bool = True

    def first_world(self) -> World:
        """The task is in progress with attempt 1, and nothing was ever appended."""
        return World(Row(), Redis(), self.actors, Ghost(), self.budget)

    def breaking(self, **rules: bool) -> Scenario:
        """The same scenario with some rules changed."""
        return self._replace(rules=self.rules._replace(**rules))
