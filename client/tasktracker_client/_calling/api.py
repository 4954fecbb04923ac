"""Every call of the API as a ``Call``: path, body, how its answer is read, when it may be repeated."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Final, TypeAlias
from uuid import uuid4

import httpx
import msgspec

from tasktracker_client._calling import settling
from tasktracker_client._calling.calls import Call, Repeat, body_of, query_of, reader
from tasktracker_client._refs import Hold
from tasktracker_schema.answers import (
    CancelledTask,
    EndedTask,
    FailedTask,
    Health,
    Heartbeat,
    ProcessedTimeouts,
    ProgressPage,
    Readiness,
    RegisteredTask,
    ReleasedTask,
    ReportedProgress,
    RetriedTask,
    StartedTask,
    Stats,
    Task,
    TaskPage,
)
from tasktracker_schema.routes import BASE_PATH, HEALTHZ, READYZ
from tasktracker_schema.status import TaskStatus

Json: TypeAlias = Any
"""What msgspec writes as JSON: plain values, dataclasses, structs, datetimes."""
JsonObjectLike: TypeAlias = Any
"""The same, where it becomes an object."""
Entries: TypeAlias = JsonObjectLike | list[JsonObjectLike]
"""One progress entry, or several in order."""

_task: Final = reader(Task)
_claimed: Final[Callable[[bytes], Task | None]] = reader(Task | None)  # type: ignore[arg-type]
_registered: Final = reader(RegisteredTask)
_started: Final = reader(StartedTask)
read_ended: Final = reader(EndedTask)
read_failed: Final = reader(FailedTask)
_released: Final = reader(ReleasedTask)
_retried: Final = reader(RetriedTask)
_cancelled: Final = reader(CancelledTask)
_heartbeat: Final = reader(Heartbeat)
_reported: Final = reader(ReportedProgress)
_page: Final = reader(TaskPage)
_progress_page: Final = reader(ProgressPage)
_stats: Final = reader(Stats)
_processed: Final = reader(ProcessedTimeouts)
_health: Final = reader(Health)
_readiness: Final = reader(Readiness)


def new_id() -> str:
    """A name nobody else has: for tasks and claims."""
    return uuid4().hex


def path_of(task_id: str, action: str = "") -> str:
    """The path of a task, whose id needs no escaping."""
    return f"{BASE_PATH}/{task_id}{action}"


def register(
    task_type: str,
    params: JsonObjectLike = None,
    *,
    task_id: str | None = None,
    metadata: JsonObjectLike = None,
    timeout_seconds: int | None = None,
    priority: int | None = None,
    run_at: datetime | None = None,
    max_retries: int | None = None,
    max_attempts: int | None = None,
) -> Call[RegisteredTask]:
    """A new task, always under an id of the caller's: the repeat of a lost answer is no second task."""
    body = body_of(
        taskType=task_type,
        taskId=new_id() if task_id is None else task_id,
        params=params,
        metadata=metadata,
        timeoutSeconds=timeout_seconds,
        priority=priority,
        runAt=moment_of(run_at),
        maxRetries=max_retries,
        maxAttempts=max_attempts,
    )
    return Call("POST", BASE_PATH, _registered, Repeat.SETTLED, body, settle=settling.registered)


def start(
    task_id: str, *, worker_id: str | None = None, lease_seconds: int | None = None
) -> Call[StartedTask]:
    """Take this very task."""
    body = body_of(workerId=worker_id, leaseSeconds=lease_seconds)
    settle = settling.started(get(task_id, progress=False), worker_id)
    return Call("POST", path_of(task_id, "/start"), _started, Repeat.SETTLED, body, settle=settle)


def claim(
    task_types: Sequence[str],
    worker_id: str,
    *,
    wait_seconds: int | None = None,
    lease_seconds: int | None = None,
    claim_id: str | None = None,
) -> Call[Task | None]:
    """The next task of these types; named, so that the repeat of a lost answer gets the same task."""
    body = body_of(
        taskTypes=list(task_types),
        workerId=worker_id,
        waitSeconds=wait_seconds,
        leaseSeconds=lease_seconds,
        claimId=claim_id or new_id(),
    )
    path = f"{BASE_PATH}/claim"
    return Call("POST", path, _claimed, Repeat.SAME, body, wait_seconds=wait_seconds or 0)


def complete(
    hold: Hold, result: Json = None, *, progress: Entries = None, next: "Next | None" = None
) -> Call[EndedTask]:
    """The work is done."""
    body = body_of(**_holder(hold), result=result, progress=progress, next=named(next))
    return Call("POST", path_of(hold.task_id, "/complete"), read_ended, _of_holder(hold, progress), body)


def fail(
    hold: Hold,
    error: Json = None,
    *,
    retry: bool = True,
    progress: Entries = None,
    next: "Next | None" = None,
) -> Call[FailedTask]:
    """The work failed; without ``retry`` for good."""
    body = body_of(**_holder(hold), error=error, retry=retry, progress=progress, next=named(next))
    return Call("POST", path_of(hold.task_id, "/fail"), read_failed, _of_holder(hold, progress), body)


def time_out(task_id: str, *, worker_id: str | None = None) -> Call[EndedTask]:
    """End a task as timed out now."""
    settle = settling.timed_out(get(task_id, progress=False))
    body = body_of(workerId=worker_id)
    return Call("POST", path_of(task_id, "/timeout"), read_ended, Repeat.SETTLED, body, settle=settle)


def get(task_id: str, *, progress: bool | None = None) -> Call[Task]:
    """A task; with ``progress=False`` without its history."""
    return Call("GET", path_of(task_id) + query_of(progress=progress), _task, Repeat.READ)


def progress(hold: Hold, entries: Entries) -> Call[ReportedProgress]:
    """Append entries; those with numbers of their own may be sent again."""
    repeat = Repeat.SAME if is_numbered(entries) else Repeat.NEVER
    body = body_of(**_holder(hold), progress=entries)
    return Call("POST", path_of(hold.task_id, "/progress"), _reported, repeat, body)


def process_timeouts() -> Call[ProcessedTimeouts]:
    """End what is overdue now."""
    return Call("POST", f"{BASE_PATH}/timeouts/process", _processed, Repeat.NEVER)


def release(hold: Hold) -> Call[ReleasedTask]:
    """Hand a task back to the queue."""
    body = body_of(**_holder(hold))
    return Call("POST", path_of(hold.task_id, "/release"), _released, _of_holder(hold), body)


def retry(task_id: str) -> Call[RetriedTask]:
    """Register a failed or timed-out task anew."""
    return Call("POST", path_of(task_id, "/retry"), _retried, Repeat.NEVER)


def heartbeat(hold: Hold, *, lease_seconds: int | None = None) -> Call[Heartbeat]:
    """Still at work."""
    body = body_of(**_holder(hold), leaseSeconds=lease_seconds)
    return Call("POST", path_of(hold.task_id, "/heartbeat"), _heartbeat, Repeat.SAME, body)


def cancel(task_id: str, *, reason: str | None = None) -> Call[CancelledTask]:
    """The task is no longer wanted."""
    return Call("POST", path_of(task_id, "/cancel"), _cancelled, Repeat.SAME, body_of(reason=reason))


def list_page(
    *,
    status: TaskStatus | Sequence[TaskStatus] | None = None,
    task_type: str | None = None,
    worker_id: str | None = None,
    original_task_id: str | None = None,
    created_after: datetime | None = None,
    created_before: datetime | None = None,
    limit: int | None = None,
    cursor: str | None = None,
    full: bool = False,
) -> Call[TaskPage]:
    """A page of the tasks that fit, newest first."""
    query = query_of(
        status=[status] if isinstance(status, str) else status,
        taskType=task_type,
        workerId=worker_id,
        originalTaskId=original_task_id,
        createdAfter=moment_of(created_after),
        createdBefore=moment_of(created_before),
        limit=limit,
        cursor=cursor,
        fields="full" if full else None,
    )
    return Call("GET", BASE_PATH + query, _page, Repeat.READ)


def progress_page(
    task_id: str, *, after_seq_id: int = 0, limit: int | None = None, wait_seconds: int | None = None
) -> Call[ProgressPage]:
    """A page of a task's history; waits for more where asked to."""
    query = query_of(afterSeqId=after_seq_id, limit=limit, waitSeconds=wait_seconds)
    path = path_of(task_id, "/progress") + query
    return Call("GET", path, _progress_page, Repeat.READ, wait_seconds=wait_seconds or 0)


def stats() -> Call[Stats]:
    """Figures of all types."""
    return Call("GET", f"{BASE_PATH}/stats", _stats, Repeat.READ)


def health() -> Call[Health]:
    """The process answers."""
    return Call("GET", HEALTHZ.path, _health, Repeat.READ)


def readiness() -> Call[Readiness]:
    """The process can serve."""
    return Call("GET", READYZ.path, _readiness, Repeat.READ, also=httpx.codes.SERVICE_UNAVAILABLE)


class Next(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """The claim that goes with the end of a task."""

    task_types: list[str]
    lease_seconds: int | None = None
    claim_id: str | None = None


def named(wanted: Next | None) -> Next | None:
    """The same with a claim id, so that the repeat of a lost answer gets the same task."""
    if wanted is None or wanted.claim_id:
        return wanted
    return msgspec.structs.replace(wanted, claim_id=new_id())


def _holder(hold: Hold) -> dict[str, Any]:
    return {"workerId": hold.worker_id, "attempt": hold.attempt}


def _of_holder(hold: Hold, entries: Entries = None) -> Repeat:
    """An outcome is known again by its worker and attempt; an entry by its number."""
    if entries is not None and not is_numbered(entries):
        return Repeat.NEVER
    return Repeat.SAME if hold.worker_id and hold.attempt else Repeat.SETTLED


def is_numbered(entries: Entries) -> bool:
    """Whether every entry has a number of its own, by which the service knows a repeat."""
    listed = entries if isinstance(entries, list) else [entries]
    return all(isinstance(each, dict) and each.get("seqId") is not None for each in listed)


def moment_of(moment: datetime | None) -> str | None:
    """As the API reads it; raises ``ValueError`` where no zone says which moment is meant, and
    ``TypeError`` for another kind of date."""
    if moment is None:
        return None
    if not isinstance(moment, datetime):
        raise TypeError(f"expected a datetime, not {type(moment).__name__}")
    if moment.tzinfo is None:
        raise ValueError(f"{moment!r} has no time zone; say which moment is meant, as with `tz=UTC`")
    return moment.isoformat()
