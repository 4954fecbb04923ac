"""What the refusal of a repeat says about the answer that was lost."""

from collections.abc import Callable
from typing import TypeAlias

import msgspec

from tasktracker_client._calling.calls import Call, Flow, T
from tasktracker_client._calling.retrying import perform
from tasktracker_client._config import Retries
from tasktracker_client._errors import (
    ApiError,
    OutcomeUnknown,
    TaskExists,
    TaskTrackerError,
    WrongStatus,
)
from tasktracker_schema.answers import EndedTask, RegisteredTask, StartedTask, Task

Settle: TypeAlias = Callable[[ApiError, Retries], Flow[T] | None]


def registered(error: ApiError, retries: Retries) -> Flow[RegisteredTask] | None:
    """The task exists by this same request: it was registered by the send whose answer was lost."""
    existing = existing_task(error)
    return None if existing is None else _known(existing)


def existing_task(error: ApiError) -> RegisteredTask | None:
    """The task that has the id, if the request that made it was the same."""
    if not isinstance(error, TaskExists) or error.details.get("sameRequest") is not True:
        return None
    try:
        return msgspec.convert(error.details.get("existing"), RegisteredTask)
    except msgspec.ValidationError:  # a proxy's copy, cut short
        return None


def started(look: Call[Task], worker_id: str | None) -> Settle[StartedTask]:
    """The task is in progress with this very worker."""

    def settle(error: ApiError, retries: Retries) -> Flow[StartedTask] | None:
        is_ours = isinstance(error, WrongStatus) and error.details.get("workerId") == worker_id
        if not is_ours or worker_id is None or error.details.get("status") != "in_progress":
            return None
        return _seen_as(_as_started, look, error, retries)

    return settle


def timed_out(look: Call[Task]) -> Settle[EndedTask]:
    """The task has timed out."""

    def settle(error: ApiError, retries: Retries) -> Flow[EndedTask] | None:
        if isinstance(error, WrongStatus) and error.details.get("status") == "timeout":
            return _seen_as(_as_ended, look, error, retries)
        return None

    return settle


def _known(value: T) -> Flow[T]:
    return value
    yield  # makes it a flow, of no steps


def seen(look: Call[Task], doubt: TaskTrackerError, retries: Retries) -> Flow[Task]:
    """The task as it is by now; raises ``OutcomeUnknown`` where it can't be read either."""
    try:
        return (yield from perform(look, retries))
    except TaskTrackerError as unseen:
        raise OutcomeUnknown(f"its answer was lost, and the task could not be read: {unseen}") from doubt


def _seen_as(read: Callable[[Task], T], look: Call[Task], error: ApiError, retries: Retries) -> Flow[T]:
    return read((yield from seen(look, error, retries)))


def _as_started(task: Task) -> StartedTask:
    return StartedTask(task.id, task.status, task.updated_at, task.attempt, task.lease_expires_at)


def _as_ended(task: Task) -> EndedTask:
    return EndedTask(task.id, "timeout", task.updated_at)
