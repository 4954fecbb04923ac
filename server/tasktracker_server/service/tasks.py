"""Registering, starting, reading and retrying tasks."""

from collections.abc import Sequence
from typing import Any

from msgspec import Raw

from tasktracker_schema import limits
from tasktracker_schema.answers import (
    RegisteredTask,
    RetriedTask,
    StartedTask,
    Task,
)
from tasktracker_schema.requests import (
    RegisterTask,
    StartTask,
)
from tasktracker_server.core import verdicts
from tasktracker_server.core.changes import Change
from tasktracker_server.core.coalescing import SINGLE, Coalescer, Lane
from tasktracker_server.core.ends import Retry, RetryOutcome
from tasktracker_server.core.errors import (
    AlreadyRetried,
    Overloaded,
    RedisUnavailable,
    TaskExists,
    TaskNotFound,
    TrackerError,
)
from tasktracker_server.core.log import Fence, Read
from tasktracker_server.core.records import Existing, Registered, Registration, Start, StartOutcome
from tasktracker_server.core.schedule import run_at_or_refuse
from tasktracker_server.core.shapes import shown
from tasktracker_server.service.announcing import Announcer
from tasktracker_server.service.ending import Ending
from tasktracker_server.service.fencing import fence
from tasktracker_server.service.ids import new_id
from tasktracker_server.service.ports import ProgressLog, TaskStore
from tasktracker_server.service.waiting import WaitingRoom

_PROMOTED = 500


class Tasks:
    """The verbs of a single task, each a batch of one unless more are asked for at the same time."""

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
        self._registering: Coalescer[Registration, Registered | Existing] = Coalescer(
            self._register, key=lambda task: task.id, size=lambda task: task.size, lane=lane
        )
        self._starting: Coalescer[Start, StartOutcome | None] = Coalescer(
            self._start, key=lambda start: start.id, lane=lane
        )
        self._getting: Coalescer[str, Task | None] = Coalescer(self.read)
        self._glancing: Coalescer[str, Task | None] = Coalescer(self.glance)

    async def register(self, wanted: RegisterTask) -> RegisteredTask:
        """A new task.

        Raises:
            TaskExists: the id is taken; details tell by what, and whether it was this same request.
        """
        task = Registration(
            n=0,
            id=wanted.task_id or new_id(),
            task_type=wanted.task_type,
            timeout_seconds=wanted.timeout_seconds or limits.TIMEOUT_SECONDS_DEFAULT,
            metadata=_given(wanted.metadata),
            params=_given(wanted.params),
            priority=wanted.priority or 0,
            run_at=run_at_or_refuse(wanted.run_at),
            max_retries=wanted.max_retries or 0,
            max_attempts=wanted.max_attempts,
            own_id=wanted.task_id is not None,
        )
        made = await self._registering.submit(task)
        if isinstance(made, Existing):
            raise _exists(made)
        return RegisteredTask(made.id, "pending", made.created_at, made.timeout_at)  # type: ignore[arg-type]

    async def _register(self, tasks: list[Registration]) -> Sequence[Registered | Existing | Exception]:
        made = await self._store.register(tasks)
        new = [
            (task, outcome)
            for task, outcome in zip(tasks, made, strict=True)
            if isinstance(outcome, Registered)
        ]
        self._room.became_claimable((task.id, task.task_type) for task, outcome in new if outcome.ready)
        for task, outcome in new:
            self._announcer.created(task.id, task.task_type, outcome.created_at)
        return made

    async def start(self, task_id: str, wanted: StartTask) -> StartedTask:
        """Take this very task, whatever its place in the queue.

        Raises:
            TaskNotFound, WrongStatus: details tell who holds it.
        """
        outcome = await self._starting.submit(Start(task_id, wanted.worker_id, wanted.lease_seconds))
        if outcome is None:
            raise TaskNotFound(task_id)
        if outcome.new_attempt is None:
            raise verdicts.start_refusal(outcome.status, outcome.worker_id, outcome.attempt)
        taken: Any = outcome  # its times are wire text; see answers
        return StartedTask(
            task_id, "in_progress", taken.updated_at, taken.new_attempt, taken.lease_expires_at
        )

    async def _start(self, starts: list[Start]) -> Sequence[StartOutcome | Exception | None]:
        outcomes = await self._store.start(starts)
        fences = []
        for start, outcome in zip(starts, outcomes, strict=True):
            if isinstance(outcome, StartOutcome) and outcome.new_attempt is not None:
                if outcome.new_attempt > 1:
                    fences.append(
                        Fence(start.id, "l", outcome.new_attempt, start.worker_id, start.lease_seconds)
                    )
                self._announcer.changed(_started(start, outcome))
        await fence(self._live, fences)
        return outcomes

    async def retry(self, task_id: str) -> RetriedTask:
        """A new task in the place of a failed or timed-out one.

        Raises:
            TaskNotFound, WrongStatus
            AlreadyRetried: the chain has an unfinished task; details name it.
        """
        for _ in range(5):
            outcome = (await self._store.retry([Retry(task_id, new_id())]))[0]
            if outcome is None:
                raise TaskNotFound(task_id)
            if isinstance(outcome, TrackerError):
                raise outcome
            if outcome.new_id is not None:
                self._room.became_claimable([(outcome.new_id, outcome.task_type)])
                self._announcer.created(outcome.new_id, outcome.task_type, outcome.created_at or "")
                return RetriedTask(outcome.new_id, outcome.root, "pending", outcome.retry_count or 0)
            _refuse_retry(outcome)
        raise Overloaded("Many retry this chain at once; try again in a moment.")

    async def promote(self) -> None:
        """Put tasks whose ``runAt`` has come into the queue."""
        more = True
        while more:
            due = await self._store.promote(_PROMOTED)
            self._room.became_claimable(due)
            more = len(due) == _PROMOTED

    async def get(self, task_id: str, with_progress: bool) -> Task:
        """A task, with its newest 10,000 entries or without any.

        Raises:
            TaskNotFound
        """
        task = await (self._getting if with_progress else self._glancing).submit(task_id)
        if task is None:
            raise TaskNotFound(task_id)
        return task

    async def read(self, task_ids: list[str]) -> list[Task | Exception | None]:
        """Tasks with their histories; the live log is read first, so that what moves is in one of them."""
        return await self._read(task_ids, limits.HISTORY_SHOWN, True)

    async def glance(self, task_ids: list[str]) -> list[Task | Exception | None]:
        """The same without their histories."""
        return await self._read(task_ids, 1, False)

    async def _read(self, task_ids: list[str], entries: int, history: bool) -> list[Task | Exception | None]:
        tails: list[Read] | list[None]
        try:
            tails = await self._live.tail(task_ids, entries)
        except RedisUnavailable:
            tails = [None] * len(task_ids)
        records = await self._store.get(task_ids, entries)
        tasks: list[Task | Exception | None] = []
        for record, tail in zip(records, tails, strict=True):
            if record is not None and record.completed_at and tail and tail.state:
                self._ending.help_later(record.id)
            tasks.append(None if record is None else shown(record, tail, with_history=history))
        return tasks


def _given(raw: Raw) -> Any:
    """Opaque JSON as the store takes it: ``None`` where it was left out."""
    return raw if bytes(raw) else None


def _started(start: Start, outcome: StartOutcome) -> Change:
    return Change(
        start.id,
        outcome.task_type,
        "in_progress",
        "started",
        start.worker_id,
        outcome.new_attempt or 0,
        outcome.updated_at or "",
    )


def _exists(existing: Existing) -> TaskExists:
    held = RegisteredTask(existing.id, existing.status, existing.created_at, existing.timeout_at)  # type: ignore[arg-type]
    hint = "by this same request" if existing.same_request else "by another request"
    return TaskExists(
        f"The taskId '{existing.id}' was registered before, {hint}.",
        details={"existing": held, "sameRequest": existing.same_request},
    )


def _refuse_retry(outcome: RetryOutcome) -> None:
    """Raise why a retry was refused; return where the chain changed just now and another try decides."""
    if outcome.status not in ("failed", "timeout"):
        raise verdicts.wrong_status("retry", outcome.status)
    if outcome.unfinished is not None:
        raise AlreadyRetried(
            f"The task is being retried as '{outcome.unfinished}'; follow that one.",
            details={"newTaskId": outcome.unfinished},
        )
