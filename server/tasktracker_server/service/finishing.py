"""How tasks end: completed, failed, timed out or cancelled."""

import logging
import random
from collections.abc import Sequence
from typing import Any, Literal

import msgspec
from msgspec import UNSET, Raw, UnsetType

from tasktracker_schema.answers import CancelledTask, EndedTask, FailedTask, Task
from tasktracker_schema.requests import CancelTask, ClaimTask, CompleteTask, FailTask, NextClaim, TimeOutTask
from tasktracker_schema.status import is_terminal
from tasktracker_server.core import verdicts
from tasktracker_server.core.changes import Change
from tasktracker_server.core.coalescing import SINGLE, Coalescer, Lane
from tasktracker_server.core.ends import Cancel, CancelOutcome, End, EndOutcome
from tasktracker_server.core.errors import (
    NotTaskWorker,
    OutcomeUnknown,
    RedisUnavailable,
    StaleAttempt,
    TaskNotFound,
    TrackerError,
    Unavailable,
    WrongStatus,
)
from tasktracker_server.core.log import Note
from tasktracker_server.core.opaque import Entry
from tasktracker_server.service.announcing import Announcer
from tasktracker_server.service.claims import Claims
from tasktracker_server.service.ending import Ending
from tasktracker_server.service.fencing import note
from tasktracker_server.service.ids import new_id
from tasktracker_server.service.ports import ProgressLog, TaskStore
from tasktracker_server.service.progress import Progress

log = logging.getLogger(__name__)

_SWEEP_BATCH = 500
_NO_ATTEMPT = -1
"""Names no attempt: whatever is asked with it is looked at and not done."""


class Finishing:
    """Ends tasks, each once."""

    def __init__(
        self,
        store: TaskStore,
        live: ProgressLog,
        ending: Ending,
        progress: Progress,
        claims: Claims,
        announcer: Announcer,
        *,
        lane: Lane = SINGLE,
    ) -> None:
        self._store = store
        self._live = live
        self._ending = ending
        self._progress = progress
        self._announcer = announcer
        # The histories of a thousand tasks are no answer to a call.
        self._claim = claims.claim if lane is SINGLE else claims.claim_bare
        self._ends: Coalescer[End, EndOutcome | None] = Coalescer(
            ending.end, key=lambda end: end.id, size=lambda end: end.size, lane=lane
        )
        self._cancelling: Coalescer[Cancel, CancelOutcome | None] = Coalescer(
            self._cancel, key=lambda cancel: cancel.id, once=True, lane=lane
        )

    async def complete(self, task_id: str, wanted: CompleteTask, last: Sequence[Entry] = ()) -> EndedTask:
        """End a task with its result, after its ``last`` entries; then claim what is wanted ``next``.

        Raises:
            TaskNotFound, StaleAttempt, WrongStatus, NotTaskWorker, SeqGap, HistoryFull
        """
        end = End(task_id, "completed", wanted.worker_id, wanted.attempt, result=_given(wanted.result))
        outcome = await self._end(end, "complete", last)
        following = await self._claim_next(wanted.next, wanted.worker_id)
        return EndedTask(task_id, "completed", outcome.updated_at, following)  # type: ignore[arg-type]

    async def fail(self, task_id: str, wanted: FailTask, last: Sequence[Entry] = ()) -> FailedTask:
        """End a task with an error; where retries are left, the next one is registered in the same step.

        Raises:
            TaskNotFound, StaleAttempt, WrongStatus, NotTaskWorker, SeqGap, HistoryFull
        """
        end = End(task_id, "failed", wanted.worker_id, wanted.attempt, error=_given(wanted.error))
        if wanted.retry is not False:
            end.retry_id, end.retry_jitter = new_id(), random.uniform(0.5, 1.5)  # noqa: S311 - spreads load
        outcome = await self._end(end, "fail", last)
        following = await self._claim_next(wanted.next, wanted.worker_id)
        return FailedTask(task_id, "failed", outcome.updated_at, outcome.new_task_id, following)  # type: ignore[arg-type]

    async def time_out(self, task_id: str, wanted: TimeOutTask) -> EndedTask:
        """End a task as timed out now.

        Raises:
            TaskNotFound, WrongStatus
        """
        outcome = await self._decide(End(task_id, "timeout"), "time out")
        return EndedTask(task_id, "timeout", outcome.updated_at)  # type: ignore[arg-type]

    async def _end(self, end: End, verb: str, last: Sequence[Entry]) -> EndOutcome:
        if not last:
            return await self._decide(end, verb)
        # Where no number was ever given PostgreSQL can give them: entries and end are one step then. What is
        # too much for any history is refused by the live log.
        begins = last[0].own_seq_id in (None, 1) and self._live.history_limits.allow(last)
        appended = await self._append(end, last, final=begins)
        if appended == "not yet":
            carrying = msgspec.structs.replace(end, own=[entry.data.decode() for entry in last])
            outcome = await self._decide(carrying, verb)
            if not outcome.unfit:
                return outcome
            appended = await self._append(end, last, final=False)
        if appended == "refused":
            # Whatever changed since: without its entries it must not end, unless this is a repeat.
            return await self._decide(end, verb, only_repeats=True)
        try:
            return await self._decide(end, verb)
        except Unavailable:
            # The entries are in, the end perhaps not: a repeat would append them again.
            raise OutcomeUnknown from None

    async def _append(
        self, end: End, last: Sequence[Entry], *, final: bool
    ) -> Literal["done", "not yet", "refused"]:
        """Append what comes with an end; ``not yet``: the end itself has to carry it."""
        try:
            done = await self._progress.append_last(end.id, last, end.worker_id, end.attempt, final=final)
        except (StaleAttempt, WrongStatus, NotTaskWorker, TaskNotFound):
            return "refused"
        except RedisUnavailable:
            if not final:
                raise
            return "not yet"
        return "done" if done else "not yet"

    async def _decide(self, end: End, verb: str, *, only_repeats: bool = False) -> EndOutcome:
        asked = msgspec.structs.replace(end, attempt=_NO_ATTEMPT) if only_repeats else end
        outcome = await self._ends.submit(asked)
        if outcome is None:
            raise TaskNotFound(end.id)
        if outcome.ended or outcome.unfit:
            return outcome
        repeated = outcome.by_holder and verdicts.is_own(end, outcome.attempt, outcome.worker_id)
        if outcome.status == end.outcome and repeated:
            self._ending.help_later(end.id)
            return outcome
        raise verdicts.refusal(verb, outcome, end)

    async def _claim_next(self, wanted: NextClaim | None, worker_id: str | None) -> Task | None | UnsetType:
        """The claim that goes with an end; the end stands whatever becomes of it."""
        if wanted is None or worker_id is None:
            return UNSET
        try:
            return await self._claim(
                ClaimTask(
                    task_types=wanted.task_types,
                    worker_id=worker_id,
                    lease_seconds=wanted.lease_seconds,
                    claim_id=wanted.claim_id,
                )
            )
        except TrackerError:
            return None

    async def cancel(self, task_id: str, wanted: CancelTask) -> CancelledTask:
        """End a task that waits; flag one that runs, for its worker to see.

        Raises:
            TaskNotFound, WrongStatus
        """
        outcome = await self._cancelling.submit(Cancel(task_id, wanted.reason))
        if outcome is None:
            raise TaskNotFound(task_id)
        now: Any = outcome.now  # its time is wire text; see answers
        if not outcome.cancelled or now.status not in ("in_progress", "failed"):
            raise verdicts.wrong_status("cancel", now.status)
        return CancelledTask(task_id, now.status, now.updated_at, True)

    async def _cancel(self, cancels: list[Cancel]) -> Sequence[CancelOutcome | Exception | None]:
        outcomes = await self._store.cancel(cancels)
        changed = [found for found in outcomes if isinstance(found, CancelOutcome) and found.changed]
        flagged = [found for found in changed if not is_terminal(found.now.status)]
        await note(self._live, [Note(found.id, found.attempt, "c", 1) for found in flagged])
        for found in flagged:
            self._announcer.changed(
                Change(
                    found.id,
                    found.now.task_type,
                    "in_progress",
                    "cancel_requested",
                    found.worker_id,
                    found.attempt,
                    found.now.updated_at,
                    cancel_requested=True,
                )
            )
        ended = [found.now for found in changed if is_terminal(found.now.status)]
        await self._ending.close(ended, by_ender=True)
        return outcomes

    async def sweep_timeouts(self) -> None:
        """End what is overdue, now and again."""
        if processed := await self.process_timeouts():
            log.info("%d tasks timed out", processed, extra={"action": "timed_out", "count": processed})

    async def process_timeouts(self) -> int:
        """End all that is overdue, in batches; how many tasks this call ended."""
        processed = 0
        while ended := await self._store.sweep_timeouts(_SWEEP_BATCH):
            await self._ending.close(ended, by_ender=True)
            processed += len(ended)
            if len(ended) < _SWEEP_BATCH:
                break
        return processed


def _given(raw: Raw) -> Any:
    """Opaque JSON as the store takes it: ``None`` where it was left out."""
    return raw if bytes(raw) else None
