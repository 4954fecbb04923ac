"""Calls that take more than one step: all decisions, no waiting."""

import math
from collections.abc import Callable
from typing import Final

from tasktracker_client._calling import api
from tasktracker_client._calling.calls import Call, Flow, Sleep, T
from tasktracker_client._calling.patience import Patience
from tasktracker_client._calling.retrying import AWAY, perform, read_answer
from tasktracker_client._calling.settling import existing_task, seen
from tasktracker_client._config import Retries
from tasktracker_client._errors import (
    AlreadyRetried,
    OutcomeUnknown,
    TaskExists,
    TaskTrackerError,
    WaitTimeout,
    failure_of,
)
from tasktracker_schema.answers import RegisteredTask, RetriedTask, Task
from tasktracker_schema.limits import SEQ_ID_MAX
from tasktracker_schema.status import is_terminal

_POLL_SECONDS: Final = 30
"""One look of ``wait``: shorter than the idle limits of common proxies (60 s)."""


def register(call: Call[RegisteredTask], retries: Retries, exist_ok: bool) -> Flow[RegisteredTask]:
    """Register; with ``exist_ok`` the same request of another time is as good."""
    try:
        return (yield from perform(call, retries))
    except TaskExists as error:
        existing = existing_task(error) if exist_ok else None
        if existing is None:
            raise
        return existing


def retry(task_id: str, retries: Retries) -> Flow[RetriedTask]:
    """Register a task anew, once: after a lost answer the task says whether that was done.

    A retry that has ended by then may be one of long ago as well: ``OutcomeUnknown``.
    """
    doubt: OutcomeUnknown | None = None
    for attempt in range(1, retries.attempts + 1):
        try:
            return (yield from perform(api.retry(task_id), retries))
        except AlreadyRetried as refused:
            if doubt is None:
                raise
            return (yield from _retry_there_is(str(refused.details.get("newTaskId")), refused, retries))
        except OutcomeUnknown as unknown:
            doubt = unknown
        except AWAY as error:
            if doubt is None:
                raise
            raise OutcomeUnknown(f"an earlier call may have been carried out: {error}") from error
        task = yield from seen(_look(task_id), doubt, retries)
        if task.new_task_id is not None:
            return (yield from _retry_there_is(task.new_task_id, doubt, retries))
        if attempt < retries.attempts:
            yield Sleep(retries.pause(attempt))
    assert doubt is not None  # noqa: S101 - for the type checker: there is at least one attempt
    raise doubt


def _retry_there_is(new_task_id: str, doubt: TaskTrackerError, retries: Retries) -> Flow[RetriedTask]:
    task = yield from seen(_look(new_task_id), doubt, retries)
    if is_terminal(task.status):
        raise OutcomeUnknown(
            f"there is a retry, {new_task_id}, but it has ended: perhaps it is an earlier one"
        )
    return RetriedTask(task.id, task.original_task_id or task.id, task.status, task.retry_count)


def _look(task_id: str) -> Call[Task]:
    return api.get(task_id, progress=False)


def wait(task_id: str, timeout: float | None, retries: Retries, now: Callable[[], float]) -> Flow[Task]:
    """Wait for the end of a task, or of the last of its retries, as patiently as a stream does.

    Raises ``TaskFailed`` for any end but completed, ``WaitTimeout`` when the time is over.
    """
    patience = Patience(f"no word of task {task_id} in the time given", timeout, retries, now)
    while True:
        yield from _wait_for_one(task_id, patience)
        task = yield from _read(_look(task_id), patience)
        if task.status == "completed":
            return task
        if task.new_task_id is None:
            raise failure_of(task)
        task_id = task.new_task_id


def _wait_for_one(task_id: str, patience: Patience) -> Flow[None]:
    """Hold a call open until the task has ended; a cursor past every entry hears of nothing else.

    The first look does not wait: who has heard of the task once can be patient with the service.
    """
    longest = 0
    while True:
        seconds = math.ceil(max(0.0, min(longest, patience.left)))
        look = api.progress_page(task_id, after_seq_id=SEQ_ID_MAX, limit=1, wait_seconds=seconds)
        page = yield from _read(look, patience)
        if page.final:
            return
        longest = _POLL_SECONDS
        if patience.left <= 0:
            goes_on = "no worker has it" if page.status == "pending" else "it goes on"
            raise WaitTimeout(f"task {task_id} is {page.status} still; {goes_on}")


def _read(call: Call[T], patience: Patience) -> Flow[T]:
    """The answer, as soon as there is one in the time given."""
    while True:
        answer = yield patience.in_time(call)
        outcome = read_answer(call, answer)
        if not isinstance(outcome, TaskTrackerError):
            patience.heard()
            return outcome
        patience.check()
        yield patience.lost(outcome)
