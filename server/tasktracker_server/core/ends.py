"""What the store is asked and answers about the ends of tasks, and about what comes after them."""

from typing import Any, NamedTuple

from msgspec import Raw, Struct


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
    live_doubt: bool = False
    """Its live log may have been closed, by a call whose answer was lost."""


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
    now: TaskState


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
