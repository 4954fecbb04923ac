"""Tasks in PostgreSQL: every verb takes a list and is one statement."""

import asyncio
import random
from collections.abc import Callable, Mapping, Sequence
from operator import itemgetter
from typing import Any, TypeVar

from psycopg import errors

from tasktracker_server.core.ends import (
    Cancel,
    CancelOutcome,
    End,
    EndOutcome,
    Retry,
    RetryOutcome,
    TaskState,
)
from tasktracker_server.core.errors import OutcomeUnknown, Overloaded, TrackerError, Unavailable
from tasktracker_server.core.leases import Beat, BeatOutcome, Due, Lapse, Release, ReleaseOutcome
from tasktracker_server.core.records import (
    Claimed,
    Claimer,
    Existing,
    Registered,
    Registration,
    Start,
    StartOutcome,
    TaskRecord,
)
from tasktracker_server.store.batches import Item, Row, decide, items_json
from tasktracker_server.store.database import ConnectionLost, Database

T = TypeVar("T")
I = TypeVar("I", bound=Item)  # noqa: E741 - the conventional name for an item type

_CLAIM_TRIES = 6
_SPARE_HEADS = (64, 1_024, 16_384)
"""How many tasks of each type are looked at beyond those wanted, if it takes more looks: others may be at the
first ones. What a deeper look reads is shared by its types."""


class TaskStore:
    """The truth about tasks.

    Laws: of any number of racing changes of a task one wins; an attempt number only ever rises; what is
    terminal never changes its state or outcome; a claim gives a task to one worker.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def register(self, tasks: Sequence[Registration]) -> list[Registered | Existing | TrackerError]:
        """Insert tasks; where an id is taken, the task that has it."""
        rows, repeated = await self._insert(tasks)
        made = {row[0]: Registered(*row) for row in rows}
        missing = [task for task in tasks if task.id not in made]
        if not missing:
            return [made[task.id] for task in tasks]
        try:
            found = await self._database.fetch("existing", {"items": items_json(missing)})
        except TrackerError as error:
            return [made.get(task.id, error) for task in tasks]
        there = {row[0]: Existing(*row) for row in found}
        return [made.get(task.id) or _taken(task, there.get(task.id), repeated) for task in tasks]

    async def _insert(self, tasks: Sequence[Registration]) -> tuple[list[Row], bool]:
        params = {"items": items_json(tasks)}
        try:
            return await self._database.fetch("register", params, repeat=False), False
        except ConnectionLost:
            try:
                return await self._database.fetch("register", params), True
            except Unavailable:
                raise OutcomeUnknown from None

    async def claim(self, task_types: Sequence[str], claimers: Sequence[Claimer]) -> list[Claimed]:
        """Give the first fitting tasks to these claimers, the first of the queue first."""
        if len(task_types) == 1:
            rows = await self._claim("claim", {"task_type": task_types[0]}, claimers)
        else:
            rows = await self._claim_many_types(list(task_types), claimers)
        rows.sort(key=itemgetter(2))
        return [Claimed(row[1], row[0], TaskRecord(*row[3:])) for row in rows]

    async def _claim_many_types(self, task_types: list[str], claimers: Sequence[Claimer]) -> list[Row]:
        """Looks deeper into the queues where others were at all that stood in front."""
        claimed: list[Row] = []
        for spare in sorted({max(_SPARE_HEADS[0], spare // len(task_types)) for spare in _SPARE_HEADS}):
            params = {"task_types": task_types, "spare": spare}
            rows = await self._claim("claim_many_types", params, claimers)
            claimed = [row for row in rows if row[0] is not None]
            # What was claimed is answered now: a look that failed after it would leave it in nobody's hands.
            if claimed or not rows:
                break
        return claimed

    async def _claim(self, name: str, wanted: Mapping[str, Any], claimers: Sequence[Claimer]) -> list[Row]:
        params = {"items": items_json(claimers), **wanted}
        repeat = all(claimer.claim_id for claimer in claimers)
        for attempt in range(_CLAIM_TRIES):
            try:
                return await self._database.fetch(name, params, repeat=repeat)
            except errors.UniqueViolation:
                # The same claimId was granted by another process this moment; now it is found. Two batches
                # with the same ids may meet again, at another id.
                await asyncio.sleep(random.uniform(0.2, 1.0) * 0.01 * 2**attempt)  # noqa: S311 - jitter
            except ConnectionLost:
                raise OutcomeUnknown from None
        raise Overloaded

    async def claimable(self, wanted: Mapping[str, int]) -> list[tuple[str, str]]:
        """Ids and types of the first tasks to claim of these types, up to as many as are wanted of each."""
        params = {"task_types": list(wanted), "counts": list(wanted.values())}
        return [(row[0], row[1]) for row in await self._database.fetch("claimable", params)]

    async def start(self, starts: Sequence[Start]) -> list[StartOutcome | TrackerError | None]:
        """Take these very tasks."""
        return await self._decide("start", starts, StartOutcome._make)

    async def end(self, ends: Sequence[End]) -> list[EndOutcome | TrackerError | None]:
        """Complete, fail or time out tasks, with the history their live logs hold."""
        return await self._decide("end", ends, EndOutcome._make)

    async def release(self, releases: Sequence[Release]) -> list[ReleaseOutcome | TrackerError | None]:
        """Hand tasks back to the queue."""
        return await self._decide(
            "release", releases, lambda row: ReleaseOutcome._make((*row[:7], _state(row[7:])))
        )

    async def cancel(self, cancels: Sequence[Cancel]) -> list[CancelOutcome | TrackerError | None]:
        """End tasks that wait, and flag those that run."""
        return await self._decide(
            "cancel", cancels, lambda row: CancelOutcome._make((*row[:5], _state(row[5:])))
        )

    async def heartbeat(self, beats: Sequence[Beat]) -> list[BeatOutcome | TrackerError | None]:
        """Extend leases."""
        return await self._decide("heartbeat", beats, BeatOutcome._make)

    async def retry(self, retries: Sequence[Retry]) -> list[RetryOutcome | TrackerError | None]:
        """Register failed or timed-out tasks anew."""
        return await self._decide("retry", retries, RetryOutcome._make)

    async def get(self, task_ids: Sequence[str], entries: int) -> list[TaskRecord | None]:
        """Tasks with at least this many of their newest stored entries; ``None`` for those there are not."""
        rows = await self._database.fetch("get", {"ids": list(task_ids), "entries": entries})
        found = {row[0]: TaskRecord(*row) for row in rows}
        return [found.get(task_id) for task_id in task_ids]

    async def sweep_timeouts(self, limit: int) -> list[TaskState]:
        """End up to ``limit`` overdue tasks."""
        return [TaskState(*row) for row in await self._database.fetch("sweep_timeouts", {"limit": limit})]

    async def due(self, *, grace: float, pause: float) -> Due:
        """Whether there is anything to do; notes that somebody looked (see :meth:`sweep_leases`)."""
        return Due._make((await self._database.fetch("due", {"grace": grace, "pause": pause}))[0])

    async def sweep_leases(self, limit: int, *, grace: float, pause: float) -> tuple[list[Lapse], bool]:
        """Take back up to ``limit`` tasks whose leases are over; and whether there may be more of them.

        A lease is judged ``grace`` seconds late; after ``pause`` seconds without a sweep all leases begin
        anew.
        """
        rows = await self._database.fetch("sweep_leases", {"limit": limit, "grace": grace, "pause": pause})
        lapsed = [Lapse._make((*row[:2], _state(row[2:]))) for row in rows if row[0] is not None]
        return lapsed, len(rows) == limit

    async def promote(self, limit: int) -> list[tuple[str, str]]:
        """Put up to ``limit`` tasks whose time has come into the queue: their ids and types."""
        return [(row[0], row[1]) for row in await self._database.fetch("promote", {"limit": limit})]

    async def states(self, task_ids: Sequence[str]) -> dict[str, tuple[str, int]]:
        """State and last stored number of each task there is."""
        rows = await self._database.fetch("states", {"ids": list(task_ids)})
        return {row[0]: (row[1], row[2]) for row in rows}

    async def _decide(
        self, name: str, items: Sequence[I], make: Callable[[Row], T]
    ) -> list[T | TrackerError | None]:
        found = await decide(self._database, name, items)
        return [make(row) if isinstance(row := found[item.id], tuple) else row for item in items]


def _taken(
    task: Registration, there: Existing | None, repeated: bool
) -> Registered | Existing | TrackerError:
    if there is None:
        # Gone again between the two statements.
        return OutcomeUnknown()
    if not task.own_id:
        # Nobody else can have made this id: it was our first try, whose answer was lost.
        return Registered(there.id, there.created_at, there.timeout_at, ready=True)
    return OutcomeUnknown() if repeated and there.same_request else there


def _state(row: Sequence[Any]) -> TaskState | None:
    return None if row[0] is None else TaskState(*row)
