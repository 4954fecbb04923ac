"""Calls that take more than one step: all decisions, no waiting."""

import math
from collections.abc import Callable
from typing import Final

from tasktracker_client import _api as api
from tasktracker_client._calls import Call, Flow
from tasktracker_client._config import Retries
from tasktracker_client._errors import TaskExists, WaitTimeout, failure_of
from tasktracker_client._retrying import perform
from tasktracker_client._settling import existing_task
from tasktracker_schema.answers import RegisteredTask, Task
from tasktracker_schema.limits import SEQ_ID_MAX

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


def wait(task_id: str, timeout: float | None, retries: Retries, now: Callable[[], float]) -> Flow[Task]:
    """Wait for the end of a task, or of the last of its retries.

    Raises ``TaskFailed`` for any end but completed, ``WaitTimeout`` when the time is over.
    """
    deadline = math.inf if timeout is None else now() + timeout
    while True:
        task_id = yield from _wait_for_one(task_id, deadline, retries, now)
        task = yield from perform(api.get(task_id, progress=False), retries)
        if task.status == "completed":
            return task
        if task.new_task_id is None:
            raise failure_of(task)
        task_id = task.new_task_id


def _wait_for_one(task_id: str, deadline: float, retries: Retries, now: Callable[[], float]) -> Flow[str]:
    """Hold a call open until the task has ended; a cursor past every entry hears of nothing else."""
    while True:
        left = deadline - now()
        seconds = math.ceil(max(0.0, min(_POLL_SECONDS, left)))
        look = api.progress_page(task_id, after_seq_id=SEQ_ID_MAX, limit=1, wait_seconds=seconds)
        page = yield from perform(look, retries)
        if page.final:
            return task_id
        if now() >= deadline:
            raise WaitTimeout(f"task {task_id} is {page.status} still; it goes on")
