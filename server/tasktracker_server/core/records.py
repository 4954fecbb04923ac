"""What the store is asked and answers about tasks: registered, taken and read."""

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


class Claimed(NamedTuple):
    """A task in the hands of a claimer."""

    n: int
    """The claimer's number."""
    fresh: bool
    """Handed out now; else it was its claimId's before."""
    record: TaskRecord


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
