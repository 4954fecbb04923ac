"""What must hold in every state, and what must hold once everything has come to rest.

Rest is reached from *every* state: all processes die where they stand, and then one fresh ender and one
helper come. So a crash of all processes after any step is part of each check, and "the end is never blocked"
is too.
"""

from __future__ import annotations

from itertools import pairwise

from model.actors import actor_moves
from model.checker import BrokenPromise
from model.enders import winner_at_work
from model.scenario import Scenario
from model.state import (
    CLOSED,
    PENDING,
    SEEDING,
    TERMINAL,
    Actor,
    Budget,
    Ender,
    Entries,
    Redis,
    Shift,
    World,
    Writer,
)

CLOSED_LATE = "a key is closed only after the terminal commit"
KEPT = "an accepted entry is in the list or stored, unless Redis lost it"
ORDERED = "the stored history is in order, each entry once"
ABSENT = "an active task that bought numbers has a live key, unless Redis lost it"
FINAL = "what an answered end promised does not change"
NO_FALSE_GAP = "no gap is told where nothing was lost"
TOLD = "what Redis lost is told as a gap"
GOES_ON = "progress of an active task is never blocked"
ENDS = "an end is never blocked"
CLEAN = "an ended task leaves no keys in Redis"

MOST_STEPS = 40


class Promises:
    """Checks the states of one scenario; rests already seen are not run again."""

    def __init__(self, scenario: Scenario) -> None:
        self._scenario = scenario
        self._rested: set[World] = set()
        self._rest: list[str] = []

    def check(self, world: World) -> None:
        """Raise :class:`BrokenPromise` if the state, or the rest that follows from it, breaks a promise."""
        _check_stores(world)
        still = World(world.row, world.redis, (), world.ghost, Budget())
        may_rest = self._scenario.winner_may_die or not winner_at_work(world)
        if may_rest and still not in self._rested:
            self._rested.add(still)
            self._check_rest(still)
            _check_evidence(still)

    def how_it_rested(self) -> tuple[str, ...]:
        """Return the steps after everybody had died, if the broken promise was found there."""
        return tuple(self._rest)

    def _check_rest(self, world: World) -> None:
        self._rest = ["everybody dies here"]
        ended = self._ended(world)
        _check_told(ended, self._scenario)
        if world.row.status != TERMINAL:
            self._check_progress(world)
        self._rest = []

    def _check_progress(self, world: World) -> None:
        """Let a fresh worker of the newest attempt append once; a pending task is claimed for it."""
        self._rest = ["everybody dies here"]
        if world.row.status == PENDING:
            world = self._run(world, Shift("claim by a fresh worker", 0, "claim"), GOES_ON)
        held = world.ghost._replace(claimed=world.row.attempt)
        worker = Writer("a fresh writer", world.row.attempt, 1)
        written = self._run(world._replace(ghost=held), worker, GOES_ON)
        if len(written.ghost.accepted) == len(world.ghost.accepted):
            raise BrokenPromise(GOES_ON, "a fresh writer of the newest attempt was refused")
        _check_told(self._ended(written), self._scenario)

    def _ended(self, world: World) -> World:
        """End the task if it is active, let a helper finish it, and let what has a time to live expire."""
        if world.row.status != TERMINAL:
            world = self._run(world, Ender("a fresh ender"), ENDS)
        if world.row.status != TERMINAL:
            raise BrokenPromise(ENDS, f"the row is still {world.row.status}")
        world = self._run(world, Ender("a late helper", step="look"), ENDS)
        live = world.redis.live
        transient = live is not None and (live.state == SEEDING or _is_tombstone(world.redis))
        if transient and not world.redis.entries:
            world = world._replace(redis=Redis(incarnation=world.redis.incarnation))
        if world.redis != Redis(incarnation=world.redis.incarnation):
            raise BrokenPromise(CLEAN, f"left behind: {world.redis}")
        return world

    def _run(self, world: World, actor: Actor, promise: str) -> World:
        """Run one process undisturbed to its end."""
        world = world._replace(actors=(actor,))
        for _ in range(MOST_STEPS):
            _check_stores(world)
            move = next(actor_moves(world, 0, self._scenario), None)
            if move is None:
                return world
            self._rest.append(move[0])
            world = move[1]
        raise BrokenPromise(promise, f"{actor.name} is not done after {MOST_STEPS} steps")


def _is_tombstone(redis: Redis) -> bool:
    return redis.live is not None and redis.live.state == CLOSED and redis.seq == 0


def _check_stores(world: World) -> None:
    """Check what holds at any moment, whatever has happened."""
    row, redis, ghost = world.row, world.redis, world.ghost
    live, history = redis.live, row.history
    if live is not None and live.state == CLOSED and row.status != TERMINAL:
        raise BrokenPromise(CLOSED_LATE, f"closed while the row is {row.status}")
    if any(earlier >= later for earlier, later in pairwise(history)):
        raise BrokenPromise(ORDERED, f"stored is {history}")
    if len(ghost.accepted) > len(history):
        missing = set(ghost.accepted).difference(history, redis.entries, ghost.lost)
        if missing:
            raise BrokenPromise(KEPT, f"{sorted(missing)} are nowhere")
    if ghost.told is not None and not _stands(world, *ghost.told):
        raise BrokenPromise(FINAL, f"answered {ghost.told}, now {(history, row.lost_to)}")


def _stands(world: World, history: Entries, lost_to: int) -> bool:
    """No entry goes, no gap comes; an entry told as perhaps missing may still turn up."""
    found = world.row.history[len(history) :]
    return (
        world.row.history[: len(history)] == history
        and world.row.lost_to == lost_to
        and all(seq <= lost_to for seq in found)
    )


def _check_evidence(world: World) -> None:
    """Check that an active task's key is evidence: while it is there, nothing was lost unnoticed."""
    row, ghost = world.row, world.ghost
    excused = ghost.redis_lost_data or ghost.ticket_expired
    if row.status != TERMINAL and row.seq_limit and world.redis.live is None and not excused:
        raise BrokenPromise(ABSENT, f"no live key, though numbers up to {row.seq_limit} were bought")


def _check_told(world: World, scenario: Scenario) -> None:
    """Compare the history and gaps that any reader derives with what was accepted."""
    row, ghost = world.row, world.ghost
    last = row.history_upto
    silent = [seq for seq in set(ghost.accepted).difference(row.history) if seq > max(last, row.lost_to)]
    if scenario.excuse_known_double_fault:
        silent = [seq for seq in silent if not _is_known_double_fault(world, seq)]
    if silent:
        raise BrokenPromise(TOLD, f"{silent} lost, but only told up to {max(last, row.lost_to)}")
    if ghost.redis_lost_data or ghost.ticket_expired:
        return
    if row.history != tuple(range(1, last + 1)) or row.lost_to > last:
        raise BrokenPromise(NO_FALSE_GAP, f"stored {row.history}, told lost up to {row.lost_to}")


def _is_known_double_fault(world: World, seq: int) -> bool:
    """The one documented exclusion: two faults, and a worker that writes while its task ends.

    The winner died between its commit and the record of its close, or got no reply to its close,
    *and* Redis lost an entry accepted after the winner's PEEK before a helper came.  Nobody is left who knows
    that there was such an entry.
    """
    ghost = world.ghost
    is_unclosed = not ghost.winner_done or (ghost.unheard is not None and seq not in ghost.unheard)
    if ghost.known_at_commit < 0 or not is_unclosed or not ghost.redis_lost_data:
        return False
    return seq in ghost.lost and ghost.accepted.index(seq) >= ghost.known_at_commit
