"""Handing waiting tasks to workers, each to one."""

import asyncio
from collections.abc import Hashable, Iterable, Sequence
from functools import partial
from typing import Final

from msgspec import Struct

from tasktracker_schema.answers import ClaimedTasks, Task, TaskRow
from tasktracker_schema.requests import BulkClaim, ClaimTask
from tasktracker_server.core.changes import Change
from tasktracker_server.core.coalescing import SINGLE, Coalescer, Lane
from tasktracker_server.core.errors import TrackerError
from tasktracker_server.core.log import Fence
from tasktracker_server.core.records import Claimed, Claimer, TaskRecord
from tasktracker_server.core.shapes import row_of, shown
from tasktracker_server.service.announcing import Announcer
from tasktracker_server.service.fencing import fence
from tasktracker_server.service.ports import ProgressLog, TaskStore
from tasktracker_server.service.returning import Returns
from tasktracker_server.service.tasks import Tasks
from tasktracker_server.service.waiting import WaitingRoom

_BULK_WAITING: Final = 256
"""Bulk claims that may wait for their turn."""


class _Wanted(Struct, frozen=True, eq=False):
    """One claim, of up to so many ``slots`` tasks."""

    task_types: tuple[str, ...]
    worker_id: str
    lease_seconds: int | None
    claim_id: str | None = None
    slots: int = 1


class Claims:
    """Claims of all callers: those for the same types share one statement."""

    def __init__(
        self,
        store: TaskStore,
        live: ProgressLog,
        tasks: Tasks,
        announcer: Announcer,
        room: WaitingRoom,
        returns: Returns,
    ) -> None:
        self._store = store
        self._live = live
        self._tasks = tasks
        self._announcer = announcer
        self._room = room
        self._returns = returns
        # All who wait in the room may be called at the same moment, and none of them is to be refused then.
        single = Lane(max_waiting=room.limit + SINGLE.max_waiting)
        # A bulk call may bring a thousand claims of as many types: they take one connection at a time.
        bare = Lane(max_waiting=single.max_waiting, in_flight=1)
        bulk = Lane(max_items=1, max_waiting=room.limit + _BULK_WAITING)
        self._claiming: Coalescer[_Wanted, list[Task]] = Coalescer(
            partial(self._claim, with_history=True),
            key=_identity,
            place=_place,
            on_dropped=self._take_back,
            lane=single,
        )
        self._claiming_bare: Coalescer[_Wanted, list[Task]] = Coalescer(
            partial(self._claim, with_history=False),
            key=_identity,
            place=_place,
            on_dropped=self._take_back,
            lane=bare,
        )
        self._claiming_many: Coalescer[_Wanted, list[Task]] = Coalescer(
            partial(self._claim, with_history=False), on_dropped=self._take_back, lane=bulk
        )

    async def claim(self, wanted: ClaimTask) -> Task | None:
        """The first fitting task, or ``None`` where there is none in the time it may wait.

        Raises:
            OutcomeUnknown: the database was lost over it; repeat it with the same ``claimId``.
            Overloaded: there is none now, and too many wait already.
        """
        return await self._claim_one(wanted, self._claiming)

    async def claim_bare(self, wanted: ClaimTask) -> Task | None:
        """The same without the task's history."""
        return await self._claim_one(wanted, self._claiming_bare)

    async def _claim_one(self, wanted: ClaimTask, claiming: Coalescer[_Wanted, list[Task]]) -> Task | None:
        want = _Wanted(_types(wanted.task_types), wanted.worker_id, wanted.lease_seconds, wanted.claim_id)
        look = partial(claiming.submit, want)
        name = None if want.claim_id is None else _identity(want)
        found = await self._room.wait(want.task_types, 1, wanted.wait_seconds or 0, name, look)
        return found[0] if found else None

    async def claim_many(self, wanted: BulkClaim) -> ClaimedTasks:
        """Up to ``limit`` fitting tasks, the first of the queue first; waits for one, never for more.

        Raises:
            OutcomeUnknown: the database was lost over it; what was claimed waits for its lease.
            Overloaded: there is none now, and too many wait already.
        """
        want = _Wanted(_types(wanted.task_types), wanted.worker_id, wanted.lease_seconds, slots=wanted.limit)
        look = partial(self._claiming_many.submit, want)
        found = await self._room.wait(want.task_types, want.slots, wanted.wait_seconds or 0, None, look)
        return ClaimedTasks([row_of(task) for task in found])

    async def give_back(self, tasks: Sequence[Task | TaskRow]) -> None:
        """Put back what was claimed for somebody who left before the answer was written."""
        await asyncio.shield(self._returns.give_back(tasks))

    def _take_back(self, _wanted: _Wanted, tasks: list[Task]) -> None:
        if tasks:
            self._returns.give_back(tasks)

    async def _claim(self, wanted: list[_Wanted], *, with_history: bool) -> Sequence[list[Task] | Exception]:
        """These claims, all for the same types, by one statement."""
        claimers = [_claimer(n, want) for n, want in enumerate(wanted)]
        claimed = await self._store.claim(wanted[0].task_types, claimers)
        prepared = await self._prepared(wanted, claimed, with_history)
        return [prepared.get(n, []) for n in range(len(wanted))]

    async def _prepared(
        self, wanted: list[_Wanted], claimed: list[Claimed], with_history: bool
    ) -> dict[int, list[Task] | Exception]:
        """The claimed tasks as answers: a first attempt has no history; later ones fence the older off."""
        for _, fresh, record in claimed:
            if fresh:
                self._announcer.changed(_claimed(record))
        again = [
            Fence(record.id, "l", record.attempt, record.worker_id, wanted[n].lease_seconds)
            for n, _, record in claimed
            if record.attempt > 1
        ]
        await fence(self._live, again)
        # Read where there may be history: an earlier attempt's, or a repeated claim's own.
        known = [record.id for _, fresh, record in claimed if record.attempt > 1 or not fresh]
        read = await self._read(known, with_history)
        prepared: dict[int, list[Task] | Exception] = {}
        unread: list[Task] = []
        for n, fresh, record in claimed:
            bare = shown(record, None, with_history=with_history)
            task = read.get(record.id, bare)
            so_far = prepared.setdefault(n, [])
            if isinstance(task, Task) and not _is_still(record, task):
                if not fresh:
                    continue  # it held the task a moment ago, and lost it since
                task = bare
            if isinstance(task, Task) and isinstance(so_far, list):
                so_far.append(task)
                continue
            unread += [bare] if fresh else []
            if isinstance(task, Exception) and not so_far:
                prepared[n] = task
        if unread:
            self._returns.give_back(unread)
        return prepared

    async def _read(self, task_ids: list[str], with_history: bool) -> dict[str, Task | Exception | None]:
        if not task_ids:
            return {}
        read = self._tasks.read if with_history else self._tasks.glance
        try:
            return dict(zip(task_ids, await read(task_ids), strict=True))
        except TrackerError as error:
            return dict.fromkeys(task_ids, error)


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


def _is_still(record: TaskRecord, task: Task) -> bool:
    """Whether what was read after a claim is what was claimed: somebody else may have the task by then."""
    return (task.attempt, task.worker_id) == (record.attempt, record.worker_id)


def _types(given: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(set(given)))


def _claimer(n: int, want: _Wanted) -> Claimer:
    return Claimer(n, want.worker_id, want.lease_seconds, want.claim_id, want.slots)


def _place(want: _Wanted) -> tuple[Hashable, Hashable]:
    """Claims for the same types share a statement; workers take turns at theirs."""
    return want.worker_id, want.task_types


def _identity(want: _Wanted) -> Hashable:
    """Claims with the same name are one claim: they must not share a batch."""
    return (want.worker_id, want.claim_id) if want.claim_id else id(want)
