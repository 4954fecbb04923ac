"""What callers send: one struct for each body and each query string.

Unknown fields are ignored and ``null`` counts as absent, so every optional field is ``None`` (empty
bytes for opaque JSON) where it was left out.
"""

from typing import Annotated, Final, Literal, TypeAlias

from msgspec import Meta, Raw, Struct, field

from tasktracker_schema import limits
from tasktracker_schema.names import (
    RESERVED_TASK_IDS,
    WITHOUT_NUL_PATTERN,
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
from tasktracker_schema.status import TaskStatus

TaskTypes: TypeAlias = Annotated[list[TaskType], Meta(min_length=1, max_length=limits.TASK_TYPES_MAX)]
WaitSeconds: TypeAlias = Annotated[int, Meta(ge=0, le=limits.WAIT_SECONDS_MAX)]
_ENTRIES: Final = [
    {"type": "object"},
    {"type": "array", "items": {"type": "object"}, "minItems": 1, "maxItems": limits.PROGRESS_ENTRIES_MAX},
]
ProgressEntries: TypeAlias = Annotated[OpaqueJson, Meta(extra_json_schema={"oneOf": _ENTRIES})]
"""One progress entry, or an array of 1 to 1,000."""
LastEntries: TypeAlias = Annotated[
    OpaqueJson, Meta(extra_json_schema={"oneOf": [*_ENTRIES, {"type": "null"}]})
]
"""The same, where it may be left out."""
BulkElements: TypeAlias = Annotated[
    list[Raw],
    Meta(
        min_length=1,
        max_length=limits.BULK_ITEMS_MAX,
        extra_json_schema={"items": {"type": "object"}},
    ),
]
"""Elements that are read one by one."""


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
        _names_no_word_of_the_api(self.task_id, "$.taskId")


def _names_no_word_of_the_api(task_id: str | None, place: str) -> None:
    if task_id in RESERVED_TASK_IDS:
        raise ValueError(f"`{task_id}` is a word of the API; choose another - at `{place}`")


class StartTask(Request, frozen=True, kw_only=True):
    """``POST /:taskId/start``: take this very task."""

    worker_id: WorkerId | None = None
    lease_seconds: LeaseSeconds | None = None


class NextClaim(Request, frozen=True, kw_only=True):
    """The claim that goes with the end of a task; its worker is the one that ends it."""

    task_types: TaskTypes
    lease_seconds: LeaseSeconds | None = None
    claim_id: ClaimId | None = None


class CompleteTask(Request, frozen=True, kw_only=True):
    """``POST /:taskId/complete``: the work is done."""

    worker_id: WorkerId | None = None
    attempt: Attempt | None = None
    result: OpaqueJson = field(default_factory=Raw)
    progress: LastEntries = field(default_factory=Raw)
    next: NextClaim | None = None

    def __post_init__(self) -> None:
        _claims_for_somebody(self.next, self.worker_id)


class FailTask(Request, frozen=True, kw_only=True):
    """``POST /:taskId/fail``: the work failed; ``retry: false`` ends it for good."""

    worker_id: WorkerId | None = None
    attempt: Attempt | None = None
    error: OpaqueJson = field(default_factory=Raw)
    retry: bool | None = None
    progress: LastEntries = field(default_factory=Raw)
    next: NextClaim | None = None

    def __post_init__(self) -> None:
        _claims_for_somebody(self.next, self.worker_id)


def _claims_for_somebody(claim: NextClaim | None, worker_id: str | None) -> None:
    if claim is not None and worker_id is None:
        raise ValueError("`next` claims for the `workerId` beside it, which is missing - at `$.workerId`")


class TimeOutTask(Request, frozen=True, kw_only=True):
    """``POST /:taskId/timeout``: end it as timed out now; ``workerId`` is informational."""

    worker_id: WorkerId | None = None


class ReportProgress(Request, frozen=True, kw_only=True):
    """``POST /:taskId/progress``: one entry, or an array of 1 to 1,000."""

    progress: ProgressEntries
    worker_id: WorkerId | None = None
    attempt: Attempt | None = None


class ClaimTask(Request, frozen=True, kw_only=True):
    """``POST /claim``: the next task of any of these types."""

    task_types: TaskTypes
    worker_id: WorkerId
    wait_seconds: WaitSeconds | None = None
    lease_seconds: LeaseSeconds | None = None
    claim_id: ClaimId | None = None


class ReleaseTask(Request, frozen=True, kw_only=True):
    """``POST /:taskId/release``: hand the task back."""

    worker_id: WorkerId | None = None
    attempt: Attempt | None = None


class HeartbeatTask(Request, frozen=True, kw_only=True):
    """``POST /:taskId/heartbeat``: still at work; ``leaseSeconds`` changes the lease from here on."""

    worker_id: WorkerId | None = None
    attempt: Attempt | None = None
    lease_seconds: LeaseSeconds | None = None


class CancelTask(Request, frozen=True, kw_only=True):
    """``POST /:taskId/cancel``: the task is no longer wanted."""

    reason: Annotated[str, Meta(max_length=limits.REASON_LENGTH, pattern=WITHOUT_NUL_PATTERN)] | None = None


class BulkClaim(Request, frozen=True, kw_only=True):
    """``POST /bulk/claim``: up to ``limit`` tasks of these types; waits for the first, never for more."""

    task_types: TaskTypes
    worker_id: WorkerId
    limit: Annotated[int, Meta(ge=1, le=limits.BULK_ITEMS_MAX)]
    wait_seconds: WaitSeconds | None = None
    lease_seconds: LeaseSeconds | None = None


class BulkTasks(Request, frozen=True, kw_only=True):
    """``POST /bulk/register``: each element as the body of ``POST /``; a bad one spoils only itself."""

    tasks: BulkElements


class BulkItems(Request, frozen=True, kw_only=True):
    """Any other bulk call: each element ``{taskId, …as the single call}``; a bad one spoils only itself."""

    items: BulkElements


class ListTasksQuery(Request, frozen=True, kw_only=True):
    """``GET /?…``: filters, and a page of what fits them, newest first."""

    status: list[TaskStatus] | None = None
    task_type: TaskType | None = None
    worker_id: WorkerId | None = None
    original_task_id: TaskId | None = None
    created_after: Timestamp | None = None
    created_before: Timestamp | None = None
    limit: Annotated[int, Meta(ge=1, le=limits.LIST_LIMIT_MAX)] | None = None
    cursor: Annotated[str, Meta(max_length=limits.CURSOR_LENGTH)] | None = None
    fields: Literal["full"] | None = None

    def __post_init__(self) -> None:
        _names_no_word_of_the_api(self.original_task_id, "$.originalTaskId")


class ProgressQuery(Request, frozen=True, kw_only=True):
    """``GET /:taskId/progress?…``: a page of entries; with ``waitSeconds`` it waits for the first."""

    after_seq_id: Annotated[int, Meta(ge=0, le=limits.SEQ_ID_MAX)] | None = None
    limit: Annotated[int, Meta(ge=1, le=limits.PROGRESS_LIMIT_MAX)] | None = None
    wait_seconds: WaitSeconds | None = None


class EventsQuery(Request, frozen=True, kw_only=True):
    """``GET /api/v1/events?…``: changes of these tasks, and of all tasks of these types; else of all."""

    task_id: Annotated[list[TaskId], Meta(max_length=limits.EVENTS_TASKS_MAX)] | None = None
    task_type: Annotated[list[TaskType], Meta(max_length=limits.TASK_TYPES_MAX)] | None = None
    progress: bool | None = None

    def __post_init__(self) -> None:
        for place, task_id in enumerate(self.task_id or ()):
            _names_no_word_of_the_api(task_id, f"$.taskId[{place}]")
        if self.progress and not (self.task_id or self.task_type):
            raise ValueError("`progress` is told of tasks named by `taskId` or `taskType` - at `$.progress`")


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
