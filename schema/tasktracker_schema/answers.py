"""What the API answers: one struct for each.

The server fills opaque fields with the stored bytes and times with their wire text, so that neither
is parsed on the way through; readers of these structs see decoded values and datetimes.
"""

from typing import Any

from msgspec import UNSET, Struct, UnsetType, field

from tasktracker_schema.errors import ErrorCode
from tasktracker_schema.names import JsonObject, Timestamp
from tasktracker_schema.status import FinalStatus, TaskStatus


class Answer(Struct, rename="camel", frozen=True):
    """A successful answer's body."""


class ProgressEntry(Answer, frozen=True):
    """One entry of a task's history; ``data`` carries its ``seqId`` too."""

    seq_id: int
    timestamp: Timestamp
    data: JsonObject


class Task(Answer, frozen=True, kw_only=True):
    """A task in full.

    ``progress_history`` holds the newest 10,000 entries as ``{seqId, ...data}``; it is ``None`` where
    live history could not be read, and ``UNSET`` where it was not asked for.
    """

    id: str
    task_type: str
    status: TaskStatus
    metadata: JsonObject | None
    params: JsonObject | None
    result: Any
    error: Any
    progress_history: list[JsonObject] | None | UnsetType = UNSET
    timeout_seconds: int
    worker_id: str | None
    original_task_id: str | None
    retry_count: int
    created_at: Timestamp
    updated_at: Timestamp
    started_at: Timestamp | None
    completed_at: Timestamp | None
    timeout_at: Timestamp
    attempt: int
    max_attempts: int | None
    priority: int
    run_at: Timestamp | None
    lease_expires_at: Timestamp | None
    max_retries: int
    cancel_requested_at: Timestamp | None
    new_task_id: str | None
    last_seq_id: int | None
    last_progress: ProgressEntry | None


class TaskRow(Answer, frozen=True, kw_only=True):
    """A task without its history, as lists and bulk claims show it.

    In a list the opaque values are ``UNSET`` unless ``fields=full`` was asked for.
    """

    id: str
    task_type: str
    status: TaskStatus
    metadata: JsonObject | None | UnsetType = UNSET
    params: JsonObject | None | UnsetType = UNSET
    result: Any | UnsetType = UNSET
    error: Any | UnsetType = UNSET
    timeout_seconds: int
    worker_id: str | None
    original_task_id: str | None
    retry_count: int
    created_at: Timestamp
    updated_at: Timestamp
    started_at: Timestamp | None
    completed_at: Timestamp | None
    timeout_at: Timestamp
    attempt: int
    max_attempts: int | None
    priority: int
    run_at: Timestamp | None
    lease_expires_at: Timestamp | None
    max_retries: int
    cancel_requested_at: Timestamp | None
    new_task_id: str | None
    last_seq_id: int | None
    last_progress: ProgressEntry | None | UnsetType = UNSET


class RegisteredTask(Answer, frozen=True):
    """Answer of ``POST /``."""

    task_id: str
    status: TaskStatus
    created_at: Timestamp
    timeout_at: Timestamp


class StartedTask(Answer, frozen=True):
    """Answer of ``POST /:taskId/start``."""

    task_id: str
    status: TaskStatus
    updated_at: Timestamp
    attempt: int
    lease_expires_at: Timestamp | None


class EndedTask(Answer, frozen=True):
    """Answer of ``complete`` and ``timeout``; ``next`` is there where it was asked for."""

    task_id: str
    status: FinalStatus
    updated_at: Timestamp
    next: Task | None | UnsetType = UNSET


class FailedTask(Answer, frozen=True):
    """Answer of ``fail``; ``new_task_id`` names the automatic retry, ``next`` is there where asked for."""

    task_id: str
    status: FinalStatus
    updated_at: Timestamp
    new_task_id: str | None
    next: Task | None | UnsetType = UNSET


class ReportedProgress(Answer, frozen=True):
    """Answer of ``progress``; ``seq_id`` is the last number given."""

    task_id: str
    seq_id: int
    timestamp: Timestamp
    first_seq_id: int
    cancel_requested: bool


class ReleasedTask(Answer, frozen=True):
    """Answer of ``release``."""

    task_id: str
    status: TaskStatus
    message: str


class RetriedTask(Answer, frozen=True):
    """Answer of ``retry``."""

    new_task_id: str
    original_task_id: str
    status: TaskStatus
    retry_count: int


class Heartbeat(Answer, frozen=True):
    """Answer of ``heartbeat``."""

    task_id: str
    status: TaskStatus
    lease_expires_at: Timestamp | None
    timeout_at: Timestamp
    cancel_requested: bool


class CancelledTask(Answer, frozen=True):
    """Answer of ``cancel``: ended already where it was pending, flagged where it is in progress."""

    task_id: str
    status: TaskStatus
    updated_at: Timestamp
    cancel_requested: bool


class BulkOutcome(Answer, frozen=True):
    """What became of one item: the single call's answer or error, with these two."""

    status_code: int
    task_id: str | None
    """``None`` where the item did not name a task."""


class BulkOutcomes(Answer, frozen=True):
    """Answer of the bulk calls, in the order of the request."""

    results: list[BulkOutcome]
    failed_count: int


class ClaimedTasks(Answer, frozen=True):
    """Answer of ``POST /bulk/claim``."""

    tasks: list[TaskRow]


class TaskPage(Answer, frozen=True):
    """Answer of ``GET /``; ``next_cursor`` is ``None`` on the last page."""

    tasks: list[TaskRow]
    next_cursor: str | None


class LostEntries(Answer, frozen=True):
    """Numbers whose entries were lost with the live store, both ends included."""

    from_seq_id: int
    to_seq_id: int


class ProgressPage(Answer, frozen=True):
    """Answer of ``GET /:taskId/progress``.

    ``last_seq_id`` is the task's last number, ``None`` where live history could not be read. ``final``: the
    task has ended and nothing comes after this page; then ``result``, or ``error`` and ``new_task_id``, are
    there. ``gaps`` is there where entries between ``afterSeqId`` and the end of the page were lost.
    """

    task_id: str
    entries: list[ProgressEntry]
    last_seq_id: int | None
    status: TaskStatus
    final: bool
    result: Any = UNSET
    error: Any = UNSET
    new_task_id: str | None | UnsetType = UNSET
    gaps: list[LostEntries] | UnsetType = UNSET


class ActiveCounts(Answer, frozen=True):
    """How many tasks are unfinished now."""

    pending: int
    in_progress: int = field(name="in_progress")


class HourCounts(Answer, frozen=True):
    """What happened in the last hour."""

    registered: int
    completed: int
    failed: int
    timeout: int


class TypeStats(Answer, frozen=True):
    """Figures of one task type."""

    task_type: str
    counts: ActiveCounts
    oldest_pending_seconds: float | None
    last_hour: HourCounts


class Stats(Answer, frozen=True):
    """Answer of ``GET /stats``."""

    counts: ActiveCounts
    oldest_pending_seconds: float | None
    last_hour: HourCounts
    types: list[TypeStats]


class ProcessedTimeouts(Answer, frozen=True):
    """Answer of ``POST /timeouts/process``: how many tasks this call ended."""

    processed_count: int


class Health(Answer, frozen=True):
    """Answer of ``/healthz``."""

    status: str
    version: str


class Readiness(Answer, frozen=True):
    """Answer of ``/readyz``: each store ``ok`` or ``unavailable``."""

    status: str
    postgres: str
    redis: str


class ErrorBody(Answer, frozen=True):
    """The body of every error from every path."""

    status_code: int
    error: str
    code: ErrorCode
    message: str
    request_id: str
    details: JsonObject | UnsetType = UNSET
