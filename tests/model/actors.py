"""All that can happen next in a world."""

from __future__ import annotations

from collections.abc import Iterator

from model.enders import ender_moves
from model.scenario import Scenario
from model.shifts import fault_moves, reader_moves, shift_moves
from model.state import Ender, Move, Reader, Shift, World, Writer
from model.writers import writer_moves


def actor_moves(world: World, who: int, scenario: Scenario) -> Iterator[Move]:
    """Yield the steps open to one process, the undisturbed one first."""
    actor = world.actors[who]
    if isinstance(actor, Writer):
        yield from writer_moves(world, who, actor, scenario)
    elif isinstance(actor, Ender):
        yield from ender_moves(world, who, actor, scenario)
    elif isinstance(actor, Shift):
        yield from shift_moves(world, who, actor, scenario)
    elif isinstance(actor, Reader):
        yield from reader_moves(world, who, actor, scenario)


def all_moves(world: World, scenario: Scenario) -> Iterator[Move]:
    """Yield the next step of each process, and each fault that may still happen."""
    for who in range(len(world.actors)):
        yield from actor_moves(world, who, scenario)
    yield from fault_moves(world, scenario)
