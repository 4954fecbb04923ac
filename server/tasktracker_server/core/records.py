"""What the store is asked and answers: values shared by the services and ``store``."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from msgspec import Raw, Struct


class Registration(Struct):
    """A task to register."""

    n: int
    id: str
    task_type: str
    timeout_seconds: int
    metadata: Raw | Any = None
    params: Raw | Any = None
    priority: int = 0
    run_at: datetime | None = None
    max_retries: int = 0
    max_attempts: int | None = None
    own_id: bool = False
    """The caller chose the id."""

    @property
    def size(self) -> int:
        """Bytes of the caller's values."""
        return len(self.metadata or b"") + len(self.params or b"")


class Registered(NamedTuple):
    """A task that was registered now."""

    id: str
    created_at: str
    timeout_at: str
    ready: bool
    """It can be claimed now."""


class Existing(NamedTuple):
    """A task whose id was wanted again."""

    id: str
    status: str
    created_at: str
    timeout_at: str
    same_request: bool


class Claimer(Struct):
    """Somebody who wants a task."""

    n: int
    worker_id: str
    lease_seconds: int | None
    claim_id: str | None
    slots: int = 1
    """So many tasks at most."""


class Start(Struct):
    """Somebody who wants this very task."""

    id: str
    worker_id: str | None
    lease_seconds: int | None


class StartOutcome(NamedTuple):
    """The state a task was found in, and what start made of it (``None`` s where refused)."""

    id: str
    status: str
    attempt: int
    worker_id: str | None
    updated_at: str | None
    new_attempt: int | None
    lease_expires_at: str | None
    task_type: str


class End(Struct):
    """A task's end, with what its live log holds."""

    id: str
    outcome: str
    worker_id: str | None = None
    attempt: int | None = None
    result: Raw | Any = None
    error: Raw | Any = None
    peeked: bool = False
    """The live log was reached, and all its entries are here."""
    proof: str | None = None
    """The ticket it was seeded under, where nothing can have been lost since."""
    from_upto: int = 0
    first_seq: int | None = None
    last_seq: int | None = None
    entries: str | None = None
    own: list[str] | None = None
    """Entries that come with the end itself, to be numbered where no number was ever given."""
    retry_id: str | None = None
    retry_jitter: float | None = None
    """Factor of the backoff, 0.5 to 1.5."""

    @property
    def size(self) -> int:
        """Bytes of the caller's values."""
        return len(self.result or b"") + len(self.error or b"") + sum(map(len, self.own or ()))


class EndOutcome(NamedTuple):
    """The state a task was found in, and how it stands now."""

    id: str
    status: str
    attempt: int
    worker_id: str | None
    ord: int
    updated_at: str
    new_task_id: str | None
    history_upto: int
    seq_limit: int
    seed_ticket: str | None
    ended: bool
    """It was this call that ended it."""
    live_debt: bool | None
    unfit: bool
    """Its own entries have to go through the live log first."""
    cancel_error: Raw | None
    """What it ended with where it had been cancelled."""
    by_holder: bool
    """Where it had ended before: it did in its worker's hands, not after it was given back."""
    task_type: str
    own_ms: int | None
    """When the entries that came with the end were accepted, where it was this call that numbered them."""


class Release(Struct):
    """A task handed back."""

    id: str
    worker_id: str | None
    attempt: int | None
    untouched: bool = False
    """Only if nothing changed since it was taken: a repeat of the claim may have told somebody of it."""


class ReleaseOutcome(NamedTuple):
    """The state a task was found in, and what release made of it."""

    id: str
    status: str
    attempt: int
    worker_id: str | None
    released_by: str | None
    """Who released its latest attempt before this call; empty where that was not said."""
    released_to: str
    """The status that led to."""
    task_type: str
    ready: bool
    """It can be claimed now."""
    now: "TaskState | None"
    """Back to ``pending``; or ``failed``, where it had been cancelled; ``None`` where release was refused."""


class Beat(Struct):
    """A sign of life from the worker of a task."""

    id: str
    worker_id: str | None
    attempt: int | None
    lease_seconds: int | None = None
    """Another length for the lease."""
    age: float | None = None
    """Seconds since it was given, where it is told later."""


class BeatOutcome(NamedTuple):
    """The state a task was found in, and its lease now."""

    id: str
    status: str
    attempt: int
    worker_id: str | None
    accepted: bool
    timeout_at: str
    lease_expires_at: str | None
    cancel_requested: bool
    lease_seconds: int | None
    lease_changed: bool
    """The length of the lease is another one than before."""


class Cancel(Struct):
    """A task that is no longer wanted."""

    id: str
    reason: str | None


class CancelOutcome(NamedTuple):
    """The state a task was found in, and how it stands now."""

    id: str
    attempt: int
    worker_id: str | None
    cancelled: bool
    """Its cancel was asked for, now or before."""
    changed: bool
    """It was this call that asked first."""
    now: "TaskState"


class Due(NamedTuple):
    """What there is to do by itself right now."""

    timeouts: bool
    leases: bool
    promotions: bool
    debts: bool


class Lapse(NamedTuple):
    """A task taken back from its worker: to the queue, or to its end."""

    attempt: int
    task_type: str
    ready: bool
    now: "TaskState"


class Retry(Struct):
    """A task to register anew under another id."""

    id: str
    new_id: str


class RetryOutcome(NamedTuple):
    """The state a task was found in, and its retry (``None`` s where refused)."""

    id: str
    status: str
    root: str
    new_id: str | None
    retry_count: int | None
    task_type: str
    unfinished: str | None
    """The chain's unfinished task before this call."""
    created_at: str | None


@dataclass(slots=True)
class TaskRecord:
    """A stored task: the public columns in the order of the API, then what reading its history needs."""

    id: str
    task_type: str
    status: str
    metadata: Raw | None
    params: Raw | None
    result: Raw | None
    error: Raw | None
    timeout_seconds: int
    worker_id: str | None
    original_task_id: str | None
    retry_count: int
    created_at: str
    updated_at: str
    started_at: str | None
    completed_at: str | None
    timeout_at: str
    attempt: int
    max_attempts: int | None
    priority: int
    run_at: str | None
    lease_expires_at: str | None
    max_retries: int
    cancel_requested_at: str | None
    new_task_id: str | None
    seq_limit: int = 0
    history_upto: int = 0
    lost_to: int | None = None
    live_debt: bool = False
    history: str | None = None
    """Stored entries, as lines."""


class Place(NamedTuple):
    """A task's place in a list: newest first is largest first."""

    place: int
    """When it was created, in milliseconds since 1970; in a chain, how many retries came before it."""
    within: int
    """Tells those of one moment apart."""


@dataclass(frozen=True, slots=True)
class Listing:
    """Which tasks to list, and from where on."""

    statuses: tuple[str, ...]
    task_type: str | None
    worker_id: str | None
    root: str | None
    """Only this chain."""
    after: int
    """Created at this time or later, in milliseconds since 1970."""
    until: int
    """Created before this time."""
    before: Place
    """Only what comes after this place in the list."""
    limit: int
    full: bool
    """With the values that may be large."""


class Listed(NamedTuple):
    """A page of tasks, each with the latest of its stored entries, if that was easily found."""

    tasks: list[TaskRecord]
    next: Place | None
    """Where the rest begins; ``None`` where there is none."""


class StoredHistory(NamedTuple):
    """A task's state beside the next stored entries after some number."""

    status: str
    updated_at: str
    result: Raw | None
    error: Raw | None
    new_task_id: str | None
    worker_id: str | None
    attempt: int
    cancel_requested: bool
    history_upto: int
    lost_to: int | None
    live_debt: bool
    long_ended: bool | None
    """It ended more than two seconds ago."""
    chunks: list[str]


class Claimed(NamedTuple):
    """A task in the hands of a claimer."""

    n: int
    """The claimer's number."""
    fresh: bool
    """Handed out now; else it was its claimId's before."""
    record: TaskRecord


class Holder(NamedTuple):
    """Who holds a task, and the numbers bought for it."""

    id: str
    status: str
    attempt: int
    worker_id: str | None
    cancelled: bool
    seed_start: int
    seq_limit: int
    history_upto: int
    history_bytes: int
    ord: int
    lease_seconds: int | None
    task_type: str


class SeedRequest(Struct):
    """A look at a task under a ticket of its live log."""

    id: str
    ticket: str


class Archive(Struct):
    """Entries to append to a stored history, if that still ends at ``expected``."""

    id: str
    expected: int
    first_seq: int | None = None
    last_seq: int | None = None
    entries: str | None = None
    drains: bool = False
    """Only while the task runs: its log is to be seeded anew."""
    settles: bool = False
    """Nothing is left in the live log: the task owes it nothing more."""
    lost: bool = False
    """With ``settles``: what is not stored of the numbers given may be missing."""
    if_owed: bool = True
    """``lost`` counts only while the task still owes its live log."""


class Archived(NamedTuple):
    """A stored history that grew, or was found to be whole."""

    id: str
    history_upto: int
    paid: bool
    """It was this call that settled what the task owed its live log."""


class TypeFigures(NamedTuple):
    """Figures of one task type, or of all."""

    task_type: str | None
    """``None``: of all types together."""
    pending: int
    in_progress: int
    oldest_pending_seconds: float | None
    registered: int
    completed: int
    failed: int
    timeout: int


class Kept(NamedTuple):
    """An ended task that retention looked at."""

    id: str
    ord: int
    history_bytes: int
    place: Place
    expired: bool
    """It may be deleted."""


class TaskState(NamedTuple):
    """How a task stands, as closing its live log needs it once it ended."""

    id: str
    status: str
    ord: int
    updated_at: str
    result: Raw | None
    error: Raw | None
    new_task_id: str | None
    history_upto: int
    seq_limit: int
    seed_ticket: str | None
    live_debt: bool
    task_type: str


TASK_COLUMNS = (
    "t.id, t.task_type, t.status, t.metadata, t.params, t.result, t.error, t.timeout_seconds, t.worker_id, "
    "t.original_task_id, t.retry_count, t.created_at, t.updated_at, t.started_at, t.completed_at, "
    "t.timeout_at, t.attempt, t.max_attempts, t.priority, t.run_at, t.lease_expires_at, t.max_retries, "
    "t.cancel_requested_at, t.new_task_id"
)
"""The columns of a :class:`TaskRecord`, in its order."""

ROW_COLUMNS = TASK_COLUMNS.replace(
    "t.metadata, t.params, t.result, t.error", "v.metadata, v.params, v.result, v.error"
)
"""The same, with the large values from ``v``: the task itself, or nothing where they are left out."""
