"""A task of one's own in hand: registered, started, kept by heartbeats, ended."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import click

from tasktracker_client import (
    ApiError,
    CancelRequested,
    HistoryFull,
    LeaseLost,
    OutcomeUnknown,
    Task,
    TaskTracker,
    TaskTrackerError,
)
from tasktracker_client._calling.api import new_id
from tasktracker_client._names import new_worker_id
from tasktracker_client._refs import Hold
from tasktracker_client._working.held import Held
from tasktracker_client._working.job import Job
from tasktracker_client._working.keeper import Keeper, ThreadBeats

_HIDDEN: Final = timedelta(minutes=1)
"""A task that is registered to be run here is hidden from claims until it is started."""


class Tracked:
    """A task that this process works on."""

    def __init__(self, job: Job[Any], held: Held) -> None:
        self.job = job
        self._held = held
        self._is_full = False

    @property
    def takes_nothing(self) -> bool:
        """Whether entries lead nowhere: the task is somebody else's, or its history is full."""
        return self._is_full or self._held.is_lost

    @property
    def has_room(self) -> bool:
        """Whether the service has nearly caught up with what was reported."""
        return not self._held.outbox.is_full

    def report(self, entry: bytes) -> None:
        """Send an entry soon. After a cancel too: what a command says while it ends is worth keeping."""
        self.job._put(entry)

    def stop_reason(self) -> str | None:
        """Why its work is no longer wanted, if so."""
        try:
            self.job.check()
        except LeaseLost as lost:
            return f"the task is not ours any more: {lost}"
        except CancelRequested:
            return "the task was cancelled"
        except HistoryFull as error:
            self._is_full = True
            _warn(f"its output is not recorded from here on: {error}")
        except ApiError as error:
            _warn(f"some of its output was not recorded: {error}")
        return None


def _warn(text: str) -> None:
    click.echo(f"tasktracker: {text}", err=True)


@dataclass(frozen=True)
class _Wanted:
    """The task to be, by what nobody else's has."""

    task_id: str
    worker_id: str
    hidden_until: datetime

    def is_ours(self, task: Task) -> bool:
        """Whether it is this one, and not somebody else's under the same id or in somebody else's hands."""
        if task.status == "pending":
            return task.attempt == 0 and task.run_at == self.hidden_until
        return task.status == "in_progress" and task.worker_id == self.worker_id


@contextmanager
def _withdrawn_by(
    failures: tuple[type[BaseException], ...], tracker: TaskTracker, wanted: _Wanted
) -> Iterator[None]:
    """Where one of these ends this block nobody else is to do the task either; in haste."""
    try:
        yield
    except failures:
        config = tracker.config
        hasty = TaskTracker(config.base_url, api_key=config.api_key, timeout=2.0, retries=1)
        with suppress(TaskTrackerError), hasty:
            task = hasty.get(wanted.task_id, progress=False)
            if wanted.is_ours(task):
                hasty.cancel(task, reason="Its command was not started.")
                if task.status == "in_progress":
                    hasty.fail(task, retry=False)
        raise


@contextmanager
def tracked(
    tracker: TaskTracker, task_type: str, lease_seconds: int, request: dict[str, Any]
) -> Iterator[Tracked]:
    """Register a task and take it, so that nobody else can: once lost, it fails."""
    now = datetime.now(UTC)
    # In whole milliseconds, as the service keeps it: so it is known again.
    hidden_until = now - timedelta(microseconds=now.microsecond % 1000) + _HIDDEN
    request["task_id"] = request.get("task_id") or new_id()
    wanted = _Wanted(request["task_id"], new_worker_id(), hidden_until)
    with _withdrawn_by((OutcomeUnknown, KeyboardInterrupt), tracker, wanted):
        registered = tracker.register(task_type, run_at=hidden_until, max_attempts=1, **request)
    with _withdrawn_by((BaseException,), tracker, wanted):
        tracker.start(registered, worker_id=wanted.worker_id, lease_seconds=lease_seconds)
        task = tracker.get(registered, progress=False)
    held = Held(Hold(task.id, wanted.worker_id, task.attempt), lease_seconds)
    keeper = Keeper(tracker.config, None, ThreadBeats)
    try:
        keeper.hold(held)
        yield Tracked(Job(task, {}, held, keeper), held)
    finally:
        keeper.close()
