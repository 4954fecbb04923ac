"""The world of the model: one task's row, its Redis keys, the processes, and an observer's memory.

Everything is a tuple, so a state hashes and compares in C.  A progress entry is only its number: numbers are
never given out twice (which is itself checked), so the number is the entry.
"""

from __future__ import annotations

from typing import NamedTuple

PENDING, IN_PROGRESS, TERMINAL = "pending", "in_progress", "terminal"
SEEDING, LIVE, PARKED, CLOSED = "t", "l", "p", "x"

Entries = tuple[int, ...]


class Ticket(NamedTuple):
    """The right to seed: unique, and marked with the run of the Redis server that it was made under."""

    number: int
    incarnation: int


class Row(NamedTuple):
    """The task in PostgreSQL."""

    status: str = IN_PROGRESS
    attempt: int = 1
    seq_limit: int = 0
    history: Entries = ()
    live_debt: bool = False
    live_doubt: bool = False
    seed_ticket: Ticket | None = None
    seed_start: int = 0
    lost_to: int = 0

    @property
    def history_upto(self) -> int:
        """The last number in the stored history."""
        return self.history[-1] if self.history else 0


class Live(NamedTuple):
    """The hash ``live:<id>``; while it is being seeded, ``attempt`` and ``parked`` are its last fence.

    ``lost``: the winner's CLOSE found that something may be.
    """

    state: str
    attempt: int = 0
    parked: bool = False
    limit: int = 0
    incarnation: int = 0
    history_upto: int = 0
    ticket: Ticket | None = None
    seeded_with: Ticket | None = None
    verify_due: bool = False
    lost: bool = False


class Redis(NamedTuple):
    """The task's keys, and the run of the server they are in."""

    live: Live | None = None
    seq: int = 0
    entries: Entries = ()
    incarnation: int = 1


class Grant(NamedTuple):
    """What PostgreSQL said to a seeder: everything SEED needs."""

    ticket: Ticket
    attempt: int
    start: int
    limit: int
    history_upto: int


class Peek(NamedTuple):
    """What an ender saw of Redis before its commit; ``known``: how many entries were accepted by then."""

    known: int
    entries: Entries = ()
    history_upto: int = 0
    proof: Ticket | None = None
    carries: bool = False


class Facts(NamedTuple):
    """What finish() knows of the terminal row."""

    history_upto: int
    seq_limit: int
    seed_ticket: Ticket | None
    live_debt: bool
    live_doubt: bool = False


class Closing(NamedTuple):
    """CLOSE's reply: what PostgreSQL still lacks, whether that is all, and whether nothing was lost."""

    gone: bool
    kept: bool
    rest: Entries
    whole: bool
    proven: bool


class Writer(NamedTuple):
    """A process that appends ``left`` entries for one worker (``attempt`` 0: a caller that names none)."""

    name: str
    attempt: int
    left: int
    step: str = "append"
    ticket: Ticket | None = None
    grant: Grant | None = None
    drain: Entries = ()
    limit: int = 0


class Ender(NamedTuple):
    """A process that ends the task (``attempt`` 0: the timeout sweep), or helps an ended one to its rest."""

    name: str
    attempt: int = 0
    step: str = "peek"
    winner: bool = False
    may_tell: bool = False
    peek: Peek | None = None
    facts: Facts | None = None
    closing: Closing | None = None
    in_doubt: bool = False


class Shift(NamedTuple):
    """A process that changes hands: the lapse or release of ``attempt``, or the claim that makes it so."""

    name: str
    attempt: int
    step: str


class Reader(NamedTuple):
    """A process that answers GET: two reads, merged by number."""

    name: str
    step: str = "first"
    expected: Entries = ()
    seen: Entries = ()


Actor = Writer | Ender | Shift | Reader


class Ghost(NamedTuple):
    """What an observer remembers; no process ever reads it.

    ``accepted``: the entries answered, in order; ``lost``: those that Redis itself lost before they were
    stored; ``claimed``: the newest attempt whose claim was answered; ``known_at_commit``: how many entries
    had been accepted at the winner's PEEK; ``told``: the history and ``lost_to`` that an answered end
    promised; ``unheard``: the winner's CLOSE got no reply; what had
    been lost by then, if it was done.
    """

    accepted: Entries = ()
    lost: Entries = ()
    tickets: int = 1
    claimed: int = 1
    known_at_commit: int = -1
    winner_done: bool = False
    told: tuple[Entries, int] | None = None
    redis_lost_data: bool = False
    ticket_expired: bool = False
    claimed_unfenced: bool = False
    unheard: Entries | None = None


class Budget(NamedTuple):
    """How many more of each fault may happen."""

    flushes: int = 0
    restarts: int = 0
    expiries: int = 0
    verifies: int = 0
    aways: int = 0
    crashes: int = 0


class World(NamedTuple):
    """One state of everything."""

    row: Row
    redis: Redis
    actors: tuple[Actor, ...]
    ghost: Ghost
    budget: Budget
    snapshot: Redis | None = None

    def __str__(self) -> str:
        """Show both stores and the faults; who stands where is told by the story that led here."""
        return f"{self.row}\n     {self.redis}\n     {self.ghost}"

    def after(
        self,
        who: int,
        actor: Actor,
        row: Row | None = None,
        redis: Redis | None = None,
        ghost: Ghost | None = None,
    ) -> World:
        """Return the world after a step of actor number ``who``."""
        actors = (*self.actors[:who], actor, *self.actors[who + 1 :])
        return World(
            row or self.row, redis or self.redis, actors, ghost or self.ghost, self.budget, self.snapshot
        )


Move = tuple[str, World]
