"""Many in one call: what is asked for each task, and what became of it as a value."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, Final, Generic, Literal, TypeAlias, TypeVar

import msgspec

from tasktracker_client._calling.api import (
    Entries,
    Json,
    JsonObjectLike,
    Next,
    is_numbered,
    moment_of,
    named,
    new_id,
)
from tasktracker_client._calling.calls import Call, Flow, Repeat, body_of, given, json_of, reader
from tasktracker_client._calling.retrying import performed
from tasktracker_client._calling.settling import existing_task
from tasktracker_client._calling.tracing import with_trace
from tasktracker_client._config import Retries
from tasktracker_client._errors import ApiError, ProtocolError, Refusal, TaskTrackerError, api_error
from tasktracker_client._refs import Hold, TaskRef, hold_of, several, task_id_of
from tasktracker_schema.answers import (
    CancelledTask,
    ClaimedTasks,
    EndedTask,
    FailedTask,
    Heartbeat,
    RegisteredTask,
    ReleasedTask,
    ReportedProgress,
    TaskRow,
)
from tasktracker_schema.limits import ARRAY_BODY_BYTES, BULK_ITEMS_MAX
from tasktracker_schema.routes import BASE_PATH

T_co = TypeVar("T_co", covariant=True)
T = TypeVar("T")

_BODY_BYTES: Final = ARRAY_BODY_BYTES * 3 // 4
"""Where a call is cut in two; a deployment may have lowered the limit somewhat."""


@dataclass(frozen=True, slots=True)
class Done(Generic[T_co]):
    """The item was carried out."""

    task_id: str
    answer: T_co
    ok: Literal[True] = True


@dataclass(frozen=True, slots=True)
class Refused:
    """The item was refused, and nothing else with it."""

    task_id: str | None
    error: ApiError
    ok: Literal[False] = False


Outcome: TypeAlias = Done[T] | Refused
"""What became of one item; ``match`` or ``isinstance`` tells which, ``ok`` at a glance."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewTask:
    """A task to register; the fields of ``register``."""

    task_type: str
    params: JsonObjectLike = None
    task_id: str | None = None
    metadata: JsonObjectLike = None
    timeout_seconds: int | None = None
    priority: int | None = None
    run_at: datetime | None = None
    max_retries: int | None = None
    max_attempts: int | None = None


@dataclass(frozen=True, slots=True)
class Completion:
    """A task to complete; worker and attempt are those of ``task`` unless given."""

    task: TaskRef
    result: Json = None
    progress: Entries = None
    worker_id: str | None = None
    attempt: int | None = None
    next: Next | None = None


@dataclass(frozen=True, slots=True)
class Failure:
    """A task to fail; worker and attempt are those of ``task`` unless given."""

    task: TaskRef
    error: Json = None
    retry: bool = True
    progress: Entries = None
    worker_id: str | None = None
    attempt: int | None = None
    next: Next | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """Entries to append to one task; worker and attempt are those of ``task`` unless given."""

    task: TaskRef
    progress: Entries
    worker_id: str | None = None
    attempt: int | None = None


def register(
    tasks: Iterable[NewTask], retries: Retries, exist_ok: bool
) -> Flow[list[Outcome[RegisteredTask]]]:
    """Register tasks; those without an id get one here, so that a repeat is no second task."""
    items = [_new(task, exist_ok) for task in tasks]
    outcomes = yield from _all(
        "register", "tasks", items, RegisteredTask, Repeat.SAME, retries, settle=_registered
    )
    return [_registered(one) for one in outcomes] if exist_ok else outcomes


def _new(task: NewTask, exist_ok: bool) -> dict[str, Any]:
    if not isinstance(task, NewTask):
        raise TypeError(f"expected a NewTask, not {type(task).__name__}")
    return given(
        taskType=task.task_type,
        taskId=new_id() if task.task_id is None else task.task_id,
        params=task.params,
        metadata=task.metadata if exist_ok else with_trace(task.metadata),
        timeoutSeconds=task.timeout_seconds,
        priority=task.priority,
        runAt=moment_of(task.run_at),
        maxRetries=task.max_retries,
        maxAttempts=task.max_attempts,
    )


def _registered(outcome: Outcome[RegisteredTask]) -> Outcome[RegisteredTask]:
    """The task is there by the same request: as good as its registration now."""
    if isinstance(outcome, Done):
        return outcome
    existing = existing_task(outcome.error)
    return outcome if existing is None else Done(existing.task_id, existing)


def progress(reports: Iterable[Report], retries: Retries) -> Flow[list[Outcome[ReportedProgress]]]:
    """Append to many tasks; repeated only where every entry is numbered."""
    items = [_reported(each) for each in reports]
    repeat = Repeat.SAME if all(is_numbered(item["progress"]) for item in items) else Repeat.NEVER
    return _all("progress", "items", items, ReportedProgress, repeat, retries)


def _reported(report: Report) -> dict[str, Any]:
    if not isinstance(report, Report):
        raise TypeError(f"expected a Report, not {type(report).__name__}")
    return _item(report, progress=report.progress)


def complete(ends: Iterable[Completion | TaskRef], retries: Retries) -> Flow[list[Outcome[EndedTask]]]:
    """Complete many."""
    wanted = [each if isinstance(each, Completion) else Completion(each) for each in several(ends)]
    items = [
        _item(each, result=each.result, progress=each.progress, next=named(each.next)) for each in wanted
    ]
    return _all("complete", "items", items, EndedTask, _of_ends(items), retries)


def fail(ends: Iterable[Failure | TaskRef], retries: Retries) -> Flow[list[Outcome[FailedTask]]]:
    """Fail many."""
    wanted = [each if isinstance(each, Failure) else Failure(each) for each in several(ends)]
    items = [
        _item(each, error=each.error, retry=each.retry, progress=each.progress, next=named(each.next))
        for each in wanted
    ]
    return _all("fail", "items", items, FailedTask, _of_ends(items), retries)


def _of_ends(items: list[dict[str, Any]]) -> Repeat:
    """A repeated outcome is known by worker and attempt, a repeated entry by its number."""
    is_known = all("workerId" in item and "attempt" in item for item in items)
    is_safe = is_known and all(is_numbered(item["progress"]) for item in items if "progress" in item)
    return Repeat.SAME if is_safe else Repeat.NEVER


def heartbeat(
    tasks: Iterable[TaskRef], lease_seconds: int | None, retries: Retries
) -> Flow[list[Outcome[Heartbeat]]]:
    """Still at work on all of these."""
    items = [_to(hold_of(each), leaseSeconds=lease_seconds) for each in several(tasks)]
    return _all("heartbeat", "items", items, Heartbeat, Repeat.SAME, retries)


def release(tasks: Iterable[TaskRef], retries: Retries) -> Flow[list[Outcome[ReleasedTask]]]:
    """Hand many back."""
    items = [_to(hold_of(each)) for each in several(tasks)]
    return _all("release", "items", items, ReleasedTask, Repeat.SAME, retries)


def cancel(
    tasks: Iterable[TaskRef], reason: str | None, retries: Retries
) -> Flow[list[Outcome[CancelledTask]]]:
    """Cancel many."""
    items = [given(taskId=task_id_of(each), reason=reason) for each in several(tasks)]
    return _all("cancel", "items", items, CancelledTask, Repeat.SAME, retries)


def claim(
    task_types: Sequence[str],
    worker_id: str,
    limit: int,
    *,
    wait_seconds: int | None = None,
    lease_seconds: int | None = None,
) -> Call[list[TaskRow]]:
    """Up to ``limit`` tasks; it can't be repeated: a lost answer's tasks return with their lease."""
    body = body_of(
        taskTypes=list(task_types),
        workerId=worker_id,
        limit=limit,
        waitSeconds=wait_seconds,
        leaseSeconds=lease_seconds,
    )
    path = f"{BASE_PATH}/bulk/claim"
    return Call("POST", path, _claimed_rows, Repeat.NEVER, body, wait_seconds=wait_seconds or 0)


_claimed: Final = reader(ClaimedTasks)


def _claimed_rows(body: bytes) -> list[TaskRow]:
    return _claimed(body).tasks


class _Outcomes(msgspec.Struct, rename="camel"):
    results: list[msgspec.Raw]


class _Judged(msgspec.Struct, rename="camel"):
    """What every outcome has, and what a refused one adds."""

    status_code: int
    task_id: str | None = None
    code: str = ""
    message: str = ""
    details: dict[str, Any] = msgspec.field(default_factory=dict)
    request_id: str | None = None


_outcomes: Final = reader(_Outcomes)
_judged: Final = msgspec.json.Decoder(_Judged)


def _all(
    verb: str,
    field: str,
    items: list[dict[str, Any]],
    answer: type[T],
    repeat: Repeat,
    retries: Retries,
    settle: "Callable[[Outcome[T]], Outcome[T]] | None" = None,
) -> Flow[list[Outcome[T]]]:
    """As many calls as the limits ask for, one after another; outcomes in the order of the items.

    Where a later call fails, its error carries the ``outcomes`` of those before it.
    ``settle`` says what an outcome means where the call was a repeat of one that may have been carried out.
    """
    found: list[Outcome[T]] = []
    decoder = msgspec.json.Decoder(answer)
    for body, count in _bodies(field, items):
        read = partial(_outcomes_of, count, decoder)
        try:
            outcomes, is_repeat = yield from performed(
                Call("POST", f"{BASE_PATH}/bulk/{verb}", read, repeat, body), retries
            )
        except TaskTrackerError as error:
            error.outcomes = found
            raise
        found += map(settle, outcomes) if settle and is_repeat else outcomes
    return found


def _outcomes_of(count: int, decoder: "msgspec.json.Decoder[T]", body: bytes) -> list[Outcome[T]]:
    judged = _outcomes(body)
    if len(judged.results) != count:
        raise ProtocolError(f"{len(judged.results)} outcomes of {count} items")
    return [_outcome(raw, decoder) for raw in judged.results]


def _bodies(field: str, items: list[dict[str, Any]]) -> Iterator[tuple[bytes, int]]:
    written: list[bytes] = []
    size = 0
    for item in [json_of(item) for item in items]:  # one that can't be written is told before any is sent
        if written and (len(written) == BULK_ITEMS_MAX or size + len(item) > _BODY_BYTES):
            yield _body(field, written), len(written)
            written, size = [], 0
        written.append(item)
        size += len(item) + 1
    if written:
        yield _body(field, written), len(written)


def _body(field: str, written: list[bytes]) -> bytes:
    return b'{"%s":[%s]}' % (field.encode(), b",".join(written))


def _outcome(raw: msgspec.Raw, decoder: "msgspec.json.Decoder[T]") -> Outcome[T]:
    try:
        return _read(raw, decoder)
    except msgspec.MsgspecError as error:
        raise ProtocolError(f"an outcome is not one of this API: {error}") from error


def _read(raw: msgspec.Raw, decoder: "msgspec.json.Decoder[T]") -> Outcome[T]:
    judged = _judged.decode(raw)
    if judged.status_code >= 400 or judged.task_id is None:
        refusal = Refusal(judged.status_code, judged.code, judged.message, judged.details, judged.request_id)
        return Refused(judged.task_id, api_error(refusal))
    return Done(judged.task_id, decoder.decode(raw))


def _item(each: Completion | Failure | Report, **fields: Any) -> dict[str, Any]:
    return _to(hold_of(each.task, each.worker_id, each.attempt), **fields)


def _to(hold: Hold, **fields: Any) -> dict[str, Any]:
    return given(taskId=hold.task_id, workerId=hold.worker_id, attempt=hold.attempt, **fields)
