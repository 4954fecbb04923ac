"""What the live log is asked, and what it answers: values shared by the services and ``live``."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from tasktracker_server.core.entries import first_number
from tasktracker_server.core.opaque import Entry as GivenEntry

AppendKind = Literal[
    "OK", "SEED", "VERIFY", "BLOCK", "ENDED", "STALE", "PARKED", "NOT_WORKER", "SEQ_GAP", "OLDER", "FULL"
]


class HistoryLimits(NamedTuple):
    """How much a task's history may hold."""

    entries: int
    bytes: int

    def allow(self, entries: Sequence[GivenEntry]) -> bool:
        """Whether these may be all there is of a history."""
        return len(entries) <= self.entries and sum(len(entry.data) for entry in entries) <= self.bytes


@dataclass(slots=True)
class Append:
    """Entries to append to one task's log."""

    task_id: str
    entries: list[bytes]
    """Canonical JSON objects without ``seqId``."""
    own_first: int | None
    """The number the caller gave the first of them."""
    attempt: int | None
    worker_id: str | None

    @property
    def size(self) -> int:
        """Bytes of the entries."""
        return sum(map(len, self.entries))

    final: bool = False
    """They come with the task's end: where there is no log yet, none is made for them (SEED)."""


class Appended(NamedTuple):
    """The log's answer to an :class:`Append`; which fields count depends on ``kind``."""

    kind: AppendKind
    ticket: str = ""
    """SEED, VERIFY: under this ticket PostgreSQL has to be asked."""
    first: int = 0
    last: int = 0
    ms: int = 0
    cancelled: bool = False
    attempt: int = 0
    """OLDER: the current attempt."""
    lease_seconds: int = 0
    """OK, OLDER: how long the worker's lease is; 0 where it has none."""
    number: int = 0
    """OK, STALE, PARKED: the current attempt. SEQ_GAP, OLDER: the expected number. BLOCK: how many more."""


@dataclass(slots=True, frozen=True)
class Seed:
    """What PostgreSQL said of a running task under a ticket."""

    task_id: str
    ticket: str
    attempt: int
    worker_id: str | None
    start: int
    limit: int
    history_upto: int
    history_bytes: int
    cancelled: bool
    ord: int
    lease_seconds: int | None
    task_type: str


@dataclass(slots=True, frozen=True)
class Seeded:
    """``OK``; ``AGAIN``: the ticket is void; ``DRAIN``: these entries must be archived first."""

    kind: Literal["OK", "AGAIN", "DRAIN"]
    entries: list[bytes] = field(default_factory=list)


@dataclass(slots=True, frozen=True)
class Fence:
    """A task changed hands: to a new ``attempt`` (``l``), or back to the queue (``p``)."""

    task_id: str
    state: Literal["l", "p"]
    attempt: int
    worker_id: str | None
    lease_seconds: int | None = None


@dataclass(slots=True, frozen=True)
class Note:
    """What changed about a running task: that it is cancelled (``c``), or its lease's length (``ls``)."""

    task_id: str
    attempt: int
    field: Literal["c", "ls"]
    value: int


@dataclass(slots=True, frozen=True)
class Peeked:
    """The live log of a task about to end."""

    whole: bool
    """The log was reached, and all its entries are here."""
    proof: str | None = None
    """The ticket it was seeded under, if that was under the present incarnation of Redis."""
    upto: int = 0
    """What PostgreSQL held when this log was seeded."""
    entries: list[bytes] = field(default_factory=list)


@dataclass(slots=True, frozen=True)
class Close:
    """A committed end; closes the log."""

    task_id: str
    history_upto: int
    ord: int
    seed_ticket: str
    """Empty where no number was ever issued."""
    status: str
    final: bytes
    """The final event's envelope."""
    task_type: str
    leave: Literal["nothing", "tombstone", "key"]
    """``tombstone`` where a helper closes; ``key`` where the row owes, until that is settled."""
    own_entries: bytes = b""
    """Lines of entries that were numbered by the end itself: no log has told them yet."""
    settled_upto: int | None = None
    """PostgreSQL holds all there is, and a loss is noted: the last number that may have been given."""
    doubtful: bool = False
    """An earlier call may have closed it, whose answer was lost."""


@dataclass(slots=True, frozen=True)
class Closed:
    """How the log was found at the end."""

    kind: Literal["GONE", "CLOSED", "REST", "OTHER"]
    proven: bool
    """Nothing was lost since the last seed."""
    last: int
    rest: list[bytes] = field(default_factory=list)
    """Entries PostgreSQL lacks, at most a page of them."""

    @property
    def whole(self) -> bool:
        """The rest is here to its end."""
        return not self.rest or first_number(self.rest[-1]) >= self.last


@dataclass(slots=True, frozen=True)
class Read:
    """A look at a live log."""

    state: str
    """Empty where there is no log."""
    last: int
    """The last number given."""
    complete: bool
    entries: list[bytes]


@dataclass(slots=True, frozen=True)
class Glance:
    """The latest entry of a live log."""

    state: str
    """Empty where there is no log."""
    number: int
    """0 where there is no entry."""
    entry: bytes
    """Empty where it is longer than was asked for."""
