"""Calls that take more than one step: all decisions, no waiting."""

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Final

import httpx

from tasktracker_client._calling import api
from tasktracker_client._calling.calls import Call, Flow, T
from tasktracker_client._calling.patience import Patience
from tasktracker_client._calling.retrying import failure_of_answer, perform
from tasktracker_client._calling.settling import existing_task
from tasktracker_client._config import Retries
from tasktracker_client._errors import TaskExists, WaitTimeout, failure_of
from tasktracker_schema.answers import RegisteredTask, Task
from tasktracker_schema.limits import SEQ_ID_MAX

_POLL_SECONDS: Final = 30
"""One look of ``wait``: shorter than the idle limits of common proxies (60 s)."""
_GRACE_SECONDS: Final = 2.0
"""How late an answer may be beyond the caller's own time."""


def register(call: Call[RegisteredTask], retries: Retries, exist_ok: bool) -> Flow[RegisteredTask]:
    """Register; with ``exist_ok`` the same request of another time is as good."""
    try:
        return (yield from perform(call, retries))
    except TaskExists as error:
        existing = existing_task(error) if exist_ok else None
        if existing is None:
            raise
        return existing


def wait(task_id: str, timeout: float | None, retries: Retries, now: Callable[[], float]) -> Flow[Task]:
    """Wait for the end of a task, or of the last of its retries, as patiently as a stream does.

    Raises ``TaskFailed`` for any end but completed, ``WaitTimeout`` when the time is over.
    """
    patience = Patience(f"no word of task {task_id} in the time given", timeout, retries, now)
    while True:
        yield from _wait_for_one(task_id, patience)
        task = yield from _read(api.get(task_id, progress=False), patience)
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
        page = yield from _read(replace(look, at_most=_GRACE_SECONDS + patience.left - seconds), patience)
        if page.final:
            return
        longest = _POLL_SECONDS
        if patience.left <= 0:
            raise WaitTimeout(f"task {task_id} is {page.status} still; it goes on")


def _read(call: Call[T], patience: Patience) -> Flow[T]:
    """The answer, as soon as there is one in the time given."""
    while True:
        answer = yield call
        if isinstance(answer, httpx.Response) and answer.is_success:
            patience.heard()
            return call.decode(answer.content)
        patience.check()
        yield patience.lost(failure_of_answer(answer))
