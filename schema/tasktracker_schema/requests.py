"""What callers send: one struct for each body and each query string.

Unknown fields are ignored and ``null`` counts as absent, so every optional field is ``None`` (empty
bytes for opaque JSON) where it was left out.
"""

from typing import Annotated

from msgspec import Meta, Raw, Struct, field

from tasktracker_schema import limits
from tasktracker_schema.names import (
    RESERVED_TASK_IDS,
    Attempt,
    ClaimId,
    LeaseSeconds,
    OpaqueJson,
    OpaqueObject,
    TaskId,
    TaskType,
    Timestamp,
    WorkerId,
)


class Request(Struct, rename="camel", kw_only=True, frozen=True):
    """A body or query of the API."""


class RegisterTask(Request, frozen=True, kw_only=True):
    """``POST /``: a new task."""

    task_type: TaskType
    task_id: TaskId | None = None
    metadata: OpaqueObject = field(default_factory=Raw)
    params: OpaqueObject = field(default_factory=Raw)
    timeout_seconds: Annotated[int, Meta(ge=1, le=limits.TIMEOUT_SECONDS_MAX)] | None = None
    priority: Annotated[int, Meta(ge=limits.PRIORITY_MIN, le=limits.PRIORITY_MAX)] | None = None
    run_at: Timestamp | None = None
    max_retries: Annotated[int, Meta(ge=0, le=limits.MAX_RETRIES_MAX)] | None = None
    max_attempts: Annotated[int, Meta(ge=1, le=limits.MAX_ATTEMPTS_MAX)] | None = None

    def __post_init__(self) -> None:
        if self.task_id in RESERVED_TASK_IDS:
            raise ValueError(f"`{self.task_id}` is a word of the API; choose another - at `$.taskId`")


class StartTask(Request, frozen=True, kw_only=True):
    """``POST /:taskId/start``: take this very task."""

    worker_id: WorkerId | None = None
    lease_seconds: LeaseSeconds | None = None


class CompleteTask(Request, frozen=True, kw_only=True):
    """``POST /:taskId/complete``: the work is done."""

    worker_id: WorkerId | None = None
    attempt: Attempt | None = None
    result: OpaqueJson = field(default_factory=Raw)


class FailTask(Request, frozen=True, kw_only=True):
    """``POST /:taskId/fail``: the work failed; ``retry: false`` ends it for good."""

    worker_id: WorkerId | None = None
    attempt: Attempt | None = None
    error: OpaqueJson = field(default_factory=Raw)
    retry: bool | None = None


class TimeOutTask(Request, frozen=True, kw_only=True):
    """``POST /:taskId/timeout``: end it as timed out now; ``workerId`` is informational."""

    worker_id: WorkerId | None = None


class ReportProgress(Request, frozen=True, kw_only=True):
    """``POST /:taskId/progress``: one entry, or an array of 1 to 1,000."""

    progress: Annotated[
        OpaqueJson,
        Meta(
            extra_json_schema={
                "oneOf": [
                    {"type": "object"},
                    {
                        "type": "array",
                        "items": {"type": "object"},
                        "minItems": 1,
                        "maxItems": limits.PROGRESS_ENTRIES_MAX,
                    },
                ]
            }
        ),
    ]
    worker_id: WorkerId | None = None
    attempt: Attempt | None = None


class ClaimTask(Request, frozen=True, kw_only=True):
    """``POST /claim``: the next task of any of these types."""

    task_types: Annotated[list[TaskType], Meta(min_length=1, max_length=limits.TASK_TYPES_MAX)]
    worker_id: WorkerId
    wait_seconds: Annotated[int, Meta(ge=0, le=limits.WAIT_SECONDS_MAX)] | None = None
    lease_seconds: LeaseSeconds | None = None
    claim_id: ClaimId | None = None


class ReleaseTask(Request, frozen=True, kw_only=True):
    """``POST /:taskId/release``: hand the task back."""

    worker_id: WorkerId | None = None
    attempt: Attempt | None = None


class GetTaskQuery(Request, frozen=True, kw_only=True):
    """``GET /:taskId?progress=``."""

    progress: bool | None = None


class TrackQuery(Request, frozen=True, kw_only=True):
    """``GET /:taskId/track?…``."""

    after_seq_id: Annotated[int, Meta(ge=0, le=limits.SEQ_ID_MAX)] | None = None
    ignore_history: bool | None = None
    lifecycle: bool | None = None
    named: bool | None = None
    heartbeat_seconds: Annotated[int, Meta(ge=1, le=limits.HEARTBEAT_SECONDS_MAX)] | None = None


class Nothing(Request, frozen=True, kw_only=True):
    """A body or query without fields; what is sent is ignored."""
