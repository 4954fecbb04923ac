"""What the API answers: one struct for each.

The server fills opaque fields with the stored bytes and times with their wire text, so that neither
is parsed on the way through; readers of these structs see decoded values and datetimes.
"""

from typing import Any

from msgspec import UNSET, Struct, UnsetType

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


class Task(Answer, frozen=True):
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
    progress_history: list[JsonObject] | None | UnsetType
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
    """Answer of ``complete`` and ``timeout``."""

    task_id: str
    status: FinalStatus
    updated_at: Timestamp


class FailedTask(Answer, frozen=True):
    """Answer of ``fail``; ``new_task_id`` names the automatic retry."""

    task_id: str
    status: FinalStatus
    updated_at: Timestamp
    new_task_id: str | None


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
