"""One call that explores one scenario."""

from __future__ import annotations

from collections.abc import Iterator

from model.actors import all_moves
from model.checker import Exploration, Explorer
from model.properties import Promises
from model.scenario import Scenario
from model.state import Move, World


def explore(scenario: Scenario) -> Exploration:
    """Visit every state of the scenario, to the end or to the first broken promise."""
    promises = Promises(scenario)

    def moves(world: World) -> Iterator[Move]:
        return all_moves(world, scenario)

    return Explorer(scenario.first_world(), moves, promises.check, promises.how_it_rested).run()
