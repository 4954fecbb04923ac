"""Who holds a task and for how long: heartbeats, and hand-backs."""

from collections.abc import Sequence
from typing import Any

from tasktracker_schema.answers import Heartbeat, ReleasedTask
from tasktracker_schema.events import LifecycleReason
from tasktracker_schema.requests import HeartbeatTask, ReleaseTask
from tasktracker_server.core import verdicts
from tasktracker_server.core.changes import Change
from tasktracker_server.core.coalescing import SINGLE, Coalescer, Lane
from tasktracker_server.core.ends import TaskState
from tasktracker_server.core.errors import TaskNotFound
from tasktracker_server.core.leases import Beat, BeatOutcome, Release, ReleaseOutcome
from tasktracker_server.core.log import Fence, Note
from tasktracker_server.service.announcing import Announcer
from tasktracker_server.service.ending import Ending
from tasktracker_server.service.fencing import fence, note
from tasktracker_server.service.ports import ProgressLog, TaskStore
from tasktracker_server.service.waiting import WaitingRoom


class Leases:
    """Extends the hold on tasks, and ends it."""

    def __init__(
        self,
        store: TaskStore,
        live: ProgressLog,
        ending: Ending,
        announcer: Announcer,
        room: WaitingRoom,
        *,
        lane: Lane = SINGLE,
    ) -> None:
        self._store = store
        self._live = live
        self._ending = ending
        self._announcer = announcer
        self._room = room
        self._beating: Coalescer[Beat, BeatOutcome | None] = Coalescer(
            self._beat, key=lambda beat: beat.id, once=True, lane=lane
        )
        self._releasing: Coalescer[Release, ReleaseOutcome | None] = Coalescer(
            self._release, key=lambda release: release.id, once=True, lane=lane
        )

    async def heartbeat(self, task_id: str, wanted: HeartbeatTask) -> Heartbeat:
        """Extend the lease of a task that is being worked on; without a lease this only looks.

        Raises:
            TaskNotFound, StaleAttempt, WrongStatus, NotTaskWorker
        """
        beat = Beat(task_id, wanted.worker_id, wanted.attempt, wanted.lease_seconds)
        outcome = await self._beating.submit(beat)
        if outcome is None:
            raise TaskNotFound(task_id)
        if not outcome.accepted:
            raise verdicts.refusal("send heartbeats for", outcome, wanted)
        held: Any = outcome  # its times are wire text; see answers
        return Heartbeat(
            task_id, "in_progress", held.lease_expires_at, held.timeout_at, held.cancel_requested
        )

    async def _beat(self, beats: list[Beat]) -> Sequence[BeatOutcome | Exception | None]:
        outcomes = await self._store.heartbeat(beats)
        changed = [
            Note(found.id, found.attempt, "ls", found.lease_seconds)
            for found in outcomes
            if isinstance(found, BeatOutcome)
            and found.accepted
            and found.lease_changed
            and found.lease_seconds
        ]
        await note(self._live, changed)
        return outcomes

    async def release(self, task_id: str, wanted: ReleaseTask) -> ReleasedTask:
        """Hand a task back to the queue, to its old place; one that was cancelled ends.

        Raises:
            TaskNotFound, StaleAttempt, WrongStatus, NotTaskWorker
        """
        outcome = await self._releasing.submit(Release(task_id, wanted.worker_id, wanted.attempt))
        if outcome is None:
            raise TaskNotFound(task_id)
        if outcome.now is None and not _released_before(outcome, wanted):
            raise verdicts.refusal("release", outcome, wanted)
        if (outcome.now.status if outcome.now else outcome.released_to) == "failed":
            return ReleasedTask(task_id, "failed", "The task had been cancelled; this ended it.")
        return ReleasedTask(task_id, "pending", "The task is back in the queue.")

    async def _release(self, releases: list[Release]) -> Sequence[ReleaseOutcome | Exception | None]:
        outcomes = await self._store.release(releases)
        await self.after_release([found for found in outcomes if isinstance(found, ReleaseOutcome)])
        return outcomes

    async def after_release(self, outcomes: Sequence[ReleaseOutcome]) -> None:
        """Tell the live logs and everybody who looks on of what was handed back."""
        await self.taken_back(
            "released",
            [(found.attempt, found.ready, found.now) for found in outcomes if found.now is not None],
        )

    async def taken_back(self, reason: LifecycleReason, taken: Sequence[tuple[int, bool, TaskState]]) -> None:
        """The same for what was taken back: of each the attempt that is over, and whether it is due."""
        waiting = [(attempt, now) for attempt, _, now in taken if now.status == "pending"]
        for attempt, now in waiting:  # before anybody is called who may claim it, and is told of too
            self._announcer.changed(
                Change(now.id, now.task_type, "pending", reason, None, attempt, now.updated_at)
            )
        self._room.became_claimable(
            (now.id, now.task_type) for _, ready, now in taken if ready and now.status == "pending"
        )
        await fence(
            self._live, [Fence(now.id, "p", attempt, None) for attempt, now in waiting if now.seq_limit]
        )
        await self._ending.close([now for *_, now in taken if now.status != "pending"], by_ender=True)


def _released_before(outcome: ReleaseOutcome, wanted: ReleaseTask) -> bool:
    return outcome.released_by is not None and verdicts.is_own(
        wanted, outcome.attempt, outcome.released_by or None
    )
