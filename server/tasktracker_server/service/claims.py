"""Handing waiting tasks to workers, each to one."""

import asyncio
import logging
from collections.abc import Sequence

from tasktracker_schema.answers import Task
from tasktracker_schema.requests import ClaimTask
from tasktracker_server.core.changes import Change
from tasktracker_server.core.coalescing import Coalescer
from tasktracker_server.core.errors import TrackerError
from tasktracker_server.core.log import Fence
from tasktracker_server.core.records import Claimer, Release, ReleaseOutcome, TaskRecord
from tasktracker_server.core.shapes import shown
from tasktracker_server.service.announcing import Announcer
from tasktracker_server.service.fencing import fence
from tasktracker_server.service.leases import Leases
from tasktracker_server.service.ports import ProgressLog, TaskStore
from tasktracker_server.service.tasks import Tasks

log = logging.getLogger(__name__)


class Claims:
    """Claims of all callers: those for the same types share one statement."""

    def __init__(
        self, store: TaskStore, live: ProgressLog, tasks: Tasks, leases: Leases, announcer: Announcer
    ) -> None:
        self._store = store
        self._live = live
        self._leases = leases
        self._tasks = tasks
        self._announcer = announcer
        self._claiming: Coalescer[ClaimTask, Task | None] = Coalescer(
            self._claim, key=_identity, on_dropped=self._return_dropped
        )
        self._returning: set[asyncio.Task[None]] = set()

    async def claim(self, wanted: ClaimTask) -> Task | None:
        """The first fitting task, or ``None``.

        Raises:
            OutcomeUnknown: the database was lost over it; repeat it with the same ``claimId``.
        """
        return await self._claiming.submit(wanted)

    async def give_back(self, task: Task) -> None:
        """Put back what was claimed for somebody who left before the answer was written."""
        outcome = (await self._store.release([Release(task.id, task.worker_id, task.attempt)]))[0]
        if isinstance(outcome, ReleaseOutcome):
            await self._leases.after_release([outcome])

    def _return_dropped(self, wanted: ClaimTask, task: Task | None) -> None:
        if task is not None:
            returning = asyncio.create_task(self._return(task))
            self._returning.add(returning)
            returning.add_done_callback(self._returning.discard)

    async def _return(self, task: Task) -> None:
        try:
            await self.give_back(task)
        except TrackerError as error:
            log.warning("%s waits for its lease: %s", task.id, error, extra={"action": "give_back_failed"})

    async def _claim(self, wanted: list[ClaimTask]) -> Sequence[Task | Exception | None]:
        """One statement for each set of types among these claims."""
        groups: dict[tuple[str, ...], list[int]] = {}
        for n, claim in enumerate(wanted):
            groups.setdefault(tuple(sorted(set(claim.task_types))), []).append(n)
        results: list[Task | Exception | None] = [None] * len(wanted)
        for task_types, members in groups.items():
            claimers = [
                Claimer(n, wanted[n].worker_id, wanted[n].lease_seconds, wanted[n].claim_id) for n in members
            ]
            try:
                claimed = await self._store.claim(task_types, claimers)
            except TrackerError as error:
                for n in members:
                    results[n] = error
                continue
            for n, task in await self._prepared(wanted, claimed):
                results[n] = task
        return results

    async def _prepared(
        self, wanted: list[ClaimTask], claimed: list[tuple[int, bool, TaskRecord]]
    ) -> list[tuple[int, Task | Exception | None]]:
        """The claimed tasks as answers: a first attempt has no history; later ones fence the older off."""
        again = [
            Fence(record.id, "l", record.attempt, record.worker_id, wanted[n].lease_seconds)
            for n, _, record in claimed
            if record.attempt > 1
        ]
        for _, fresh, record in claimed:
            if fresh:
                self._announcer.changed(_claimed(record))
        await fence(self._live, again)
        # Read where there may be history: an earlier attempt's, or a repeated claim's own.
        known = [record.id for _, fresh, record in claimed if record.attempt > 1 or not fresh]
        read = dict(zip(known, await self._tasks.read(known), strict=True)) if known else {}
        return [
            (n, read[record.id] if record.id in read else shown(record, None, with_history=True))
            for n, _, record in claimed
        ]


def _claimed(record: TaskRecord) -> Change:
    return Change(
        record.id,
        record.task_type,
        "in_progress",
        "claimed",
        record.worker_id,
        record.attempt,
        record.updated_at,
        record.cancel_requested_at is not None,
    )


def _identity(claim: ClaimTask) -> object:
    """Claims with the same name are one claim: they must not share a batch."""
    return (claim.worker_id, claim.claim_id) if claim.claim_id else id(claim)
