"""The observer: what an outsider can see at the moment it happens, and the promises broken by seeing it."""

from __future__ import annotations

from model.checker import BrokenPromise
from model.redis_steps import ENDED
from model.state import IN_PROGRESS, Entries, Ghost, Redis, World, Writer

NUMBERS = "a number is given out once and never goes back"
BOUGHT = "a number is given out only after its block was bought"
FENCED = "no older attempt's progress is accepted once the newer claim was answered"
AFTER_END = "no progress is accepted once the end was answered"
HOLDER = "the holder of an active task is not turned away"
COMPLETE = "an answered end has its whole history stored"
READ_WHOLE = "a reader sees every entry that was answered before it asked"


def accepted(world: World, writer: Writer, seq: int) -> Ghost:
    """An entry was answered 200."""
    ghost = world.ghost
    if ghost.accepted and seq <= ghost.accepted[-1]:
        raise BrokenPromise(NUMBERS, f"{writer.name} was given {seq} after {ghost.accepted[-1]}")
    if seq > world.row.seq_limit:
        raise BrokenPromise(BOUGHT, f"{writer.name} was given {seq}, bought are {world.row.seq_limit}")
    if 0 < writer.attempt < ghost.claimed and not ghost.claimed_unfenced:
        raise BrokenPromise(FENCED, f"{writer.name} of attempt {writer.attempt} was given {seq}")
    if ghost.told is not None:
        raise BrokenPromise(AFTER_END, f"{writer.name} was given {seq}")
    return ghost._replace(accepted=(*ghost.accepted, seq))


def refused(world: World, writer: Writer, kind: str) -> None:
    """A writer was answered 409; between a claim's commit and its answer nobody holds the task yet."""
    if world.row.status != IN_PROGRESS or world.ghost.claimed != world.row.attempt:
        return
    if kind == ENDED or writer.attempt in (0, world.row.attempt):
        raise BrokenPromise(
            HOLDER, f"{writer.name} was told {kind} while attempt {world.row.attempt} is active"
        )


def redis_replaced(world: World, redis: Redis) -> Ghost:
    """Redis came to hold other data by itself: entries that only it had are its loss."""
    kept = {*world.row.history, *redis.entries}
    lost = {seq for seq in world.redis.entries if seq not in kept}
    return world.ghost._replace(lost=tuple(sorted(lost.union(world.ghost.lost))), redis_lost_data=True)


def end_answered(world: World, winner: bool) -> Ghost:
    """An end, or its repeat, was answered 200 after Redis was closed."""
    ghost = world.ghost
    missing = set(ghost.accepted).difference(world.row.history, ghost.lost)
    if missing:
        raise BrokenPromise(COMPLETE, f"answered without {sorted(missing)}")
    if not winner:
        return ghost
    return ghost._replace(winner_done=True, told=(world.row.history, world.row.lost_to))


def read(world: World, expected: Entries, merged: Entries) -> None:
    """A reader merged what it found in both stores."""
    missing = set(expected).difference(merged, world.ghost.lost)
    if missing:
        raise BrokenPromise(READ_WHOLE, f"{sorted(missing)} were answered before the read began")
