"""Progress as a sign of life: it extends leases, without a write for each call.

What is heard is written down together, for each task when a sixth of its lease is over, and counts from
when it was heard: a lease neither lapses early nor outlives its worker by that.
"""

import asyncio
import time
from contextlib import suppress
from dataclasses import dataclass

from tasktracker_schema.status import is_terminal
from tasktracker_server.core.errors import TrackerError
from tasktracker_server.core.leases import Beat, BeatOutcome
from tasktracker_server.core.log import Fence
from tasktracker_server.service.ending import Ending
from tasktracker_server.service.fencing import fence
from tasktracker_server.service.ports import ProgressLog, TaskStore

_SHARE = 6
"""A lease is extended so many times while it runs."""
_SECONDS_MAX = 30.0
_BATCH = 1_000
_CLOSE_SECONDS = 1.0


@dataclass(slots=True)
class _Sign:
    attempt: int
    heard: float
    due: float


class Renewals:
    """Signs of life that are not written down yet; times are this process's monotonic clock."""

    def __init__(self, store: TaskStore, live: ProgressLog, ending: Ending) -> None:
        self._store = store
        self._live = live
        self._ending = ending
        self._waiting: dict[str, _Sign] = {}
        self._written: dict[str, float] = {}

    def heard(self, task_id: str, attempt: int, lease_seconds: int) -> None:
        """This attempt has just reported progress."""
        now = time.monotonic()
        sign = self._waiting.get(task_id)
        if sign is None:
            every = min(lease_seconds / _SHARE, _SECONDS_MAX)
            due = max(now, self._written.get(task_id, 0.0) + every)
            self._waiting[task_id] = _Sign(attempt, now, due)
        elif attempt >= sign.attempt:
            sign.attempt, sign.heard = attempt, now

    async def flush(self) -> None:
        """Write down what is due."""
        await self._flush(everything=False)

    async def _flush(self, *, everything: bool) -> None:
        now = time.monotonic()
        self._written = {task_id: at for task_id, at in self._written.items() if now - at < _SECONDS_MAX}
        due = [task_id for task_id, sign in self._waiting.items() if everything or sign.due <= now]
        for start in range(0, len(due), _BATCH):
            await self._write(
                {task_id: self._waiting.pop(task_id) for task_id in due[start : start + _BATCH]}
            )

    async def aclose(self) -> None:
        """Write down what is left, if the database answers soon."""
        with suppress(TrackerError, TimeoutError):
            await asyncio.wait_for(self._flush(everything=True), _CLOSE_SECONDS)

    async def _write(self, signs: dict[str, _Sign]) -> None:
        now = time.monotonic()
        beats = [Beat(task_id, None, sign.attempt, age=now - sign.heard) for task_id, sign in signs.items()]
        try:
            outcomes = await self._store.heartbeat(beats)
        except TrackerError:
            self._put_off(signs)
            raise
        busy = {
            beat.id: signs[beat.id]
            for beat, outcome in zip(beats, outcomes, strict=True)
            if isinstance(outcome, TrackerError)
        }
        self._put_off(busy)
        self._written |= dict.fromkeys(signs.keys() - busy.keys(), now)
        await self._correct(
            [found for found in outcomes if isinstance(found, BeatOutcome) and not found.accepted]
        )

    def _put_off(self, signs: dict[str, _Sign]) -> None:
        for task_id, sign in signs.items():
            self._waiting.setdefault(task_id, sign)

    async def _correct(self, refused: list[BeatOutcome]) -> None:
        """A log that took progress for a lease that is over is behind: nobody could tell it."""
        await fence(self._live, [_fence_of(found) for found in refused if not is_terminal(found.status)])
        for found in refused:
            if is_terminal(found.status):
                self._ending.help_later(found.id)


def _fence_of(found: BeatOutcome) -> Fence:
    if found.status == "in_progress":
        return Fence(found.id, "l", found.attempt, found.worker_id, found.lease_seconds)
    return Fence(found.id, "p", found.attempt, None)
