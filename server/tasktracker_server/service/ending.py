"""Ending tasks so that nothing acknowledged is lost: peek, commit with history, close, append the rest.

The commit in PostgreSQL is the end. What follows it can be done by anyone, any number of times: the ender
itself, and after two seconds any helper (the sweeper, a reader that finds a log of an ended task).
"""

import asyncio
import logging
import time
from collections.abc import Sequence

from tasktracker_schema.status import is_terminal
from tasktracker_server.core import frames
from tasktracker_server.core.entries import first_number
from tasktracker_server.core.errors import RedisUnavailable, TrackerError
from tasktracker_server.core.log import Close, Closed, Peeked
from tasktracker_server.core.records import Archive, End, EndedTask, EndOutcome
from tasktracker_server.service.ports import HistoryStore, ProgressLog, TaskStore

log = logging.getLogger(__name__)

_HELP_AFTER_SECONDS = 2.1
_WINNER_SECONDS = 1.5
"""After this, helpers may have closed the log: that it is gone proves nothing any more."""


class Ending:
    """Ends tasks and closes their live logs."""

    def __init__(self, store: TaskStore, histories: HistoryStore, live: ProgressLog) -> None:
        self._store = store
        self._histories = histories
        self._live = live
        self._helping: dict[str, asyncio.Task[None]] = {}

    async def end(self, ends: Sequence[End]) -> list[EndOutcome | TrackerError | None]:
        """Commit these ends with what their live logs hold, then close the logs."""
        peeked = await self._live.peek([end.id for end in ends])
        for end, found in zip(ends, peeked, strict=True):
            _carry(end, found)
        outcomes = await self._store.end(ends)
        committed = time.monotonic()
        ended = [
            _as_ended(end, outcome)
            for end, outcome in zip(ends, outcomes, strict=True)
            if isinstance(outcome, EndOutcome) and outcome.ended
        ]
        await self.close(ended, committed)
        return outcomes

    async def close(self, tasks: Sequence[EndedTask], committed: float | None) -> None:
        """Close the logs of ended tasks; ``committed`` is when the caller itself ended them.

        Never raises: the ends are recorded, and what cannot be done now stays for helpers.
        """
        if not tasks:
            return
        try:
            closes = [_close_of(task) for task in tasks]
            closed = await self._live.close(closes)
            await asyncio.gather(
                *(
                    self._settle(task, close, found, committed)
                    for task, close, found in zip(tasks, closes, closed, strict=True)
                    if not _is_settled(task, found)
                )
            )
        except RedisUnavailable:
            await self._owe([task.id for task in tasks if task.seq_limit > 0])
        except TrackerError as error:
            log.warning(
                "closing %d logs is left to helpers: %s", len(tasks), error, extra={"action": "close_left"}
            )

    async def _settle(self, task: EndedTask, close: Close, found: Closed, committed: float | None) -> None:
        """Append what raced the end, a page at a time, and note what may have been lost."""
        if found.kind == "OTHER":
            return
        upto = task.history_upto
        lost = not found.proven and (found.kind != "GONE" or committed is not None or task.live_debt)
        while found.kind == "REST":
            stored = await self._histories.archive([_rest(task.id, upto, found.rest)])
            if task.id not in stored:
                # Another helper was faster: go on from where it came to.
                current = (await self._histories.ends([task.id]))[0]
                if current is None or current.history_upto <= upto:
                    return
                stored = {task.id: current.history_upto}
            upto = stored[task.id]
            close = Close(task.id, upto, task.ord, close.seed_ticket, close.final)
            found = (await self._live.close([close]))[0]
        late = committed is None or time.monotonic() - committed > _WINNER_SECONDS
        settled = Archive(
            task.id, upto, settles=True, lost=lost, if_owed=late and found.kind == "GONE" and task.live_debt
        )
        await self._histories.archive([settled])
        await self._live.publish([(task.id, b"F%d|%b" % (upto, close.final))])

    async def _owe(self, task_ids: Sequence[str]) -> None:
        if not task_ids:
            return
        try:
            await self._histories.owe(task_ids)
        except TrackerError as error:
            log.warning("%d logs are left open: %s", len(task_ids), error, extra={"action": "close_left"})

    async def help(self, task_ids: Sequence[str]) -> None:
        """Close the logs of those tasks that have ended a while ago; forget logs of tasks that are gone."""
        rows = await self._histories.ends(task_ids)
        await self._live.forget([task_id for task_id, row in zip(task_ids, rows, strict=True) if row is None])
        ended = [row for row in rows if row is not None and is_terminal(row.status) and not row.young]
        await self.close(ended, None)

    def help_later(self, task_id: str) -> None:
        """Somebody saw a log of an ended task: close it when its ender must have done so."""
        if task_id not in self._helping:
            task = asyncio.create_task(self._help_later(task_id))
            self._helping[task_id] = task
            task.add_done_callback(lambda _: self._helping.pop(task_id, None))

    async def _help_later(self, task_id: str) -> None:
        await asyncio.sleep(_HELP_AFTER_SECONDS)
        try:
            await self.help([task_id])
        except TrackerError as error:
            log.info("%s is left to the sweeper: %s", task_id, error, extra={"action": "close_left"})

    async def aclose(self) -> None:
        """Stop helping."""
        for task in list(self._helping.values()):
            task.cancel()


def _carry(end: End, found: Peeked) -> None:
    end.intact = found.intact
    if found.entries:
        end.from_upto = found.upto
        end.first_seq = first_number(found.entries[0])
        end.last_seq = first_number(found.entries[-1])
        end.entries = b"\n".join(found.entries).decode()


def _rest(task_id: str, expected: int, entries: list[bytes]) -> Archive:
    return Archive(
        task_id,
        expected,
        first_seq=first_number(entries[0]),
        last_seq=first_number(entries[-1]),
        entries=b"\n".join(entries).decode(),
    )


def _as_ended(end: End, outcome: EndOutcome) -> EndedTask:
    return EndedTask(
        id=end.id,
        status=end.outcome,
        ord=outcome.ord,
        updated_at=outcome.updated_at,
        result=end.result,
        error=end.error,
        new_task_id=outcome.new_task_id,
        history_upto=outcome.history_upto,
        seq_limit=outcome.seq_limit,
        seed_ticket=outcome.seed_ticket,
        live_debt=bool(outcome.live_debt),
        young=True,
    )


def _close_of(task: EndedTask) -> Close:
    final = frames.final_envelope(
        task.id,
        task.status,
        result=task.result,
        error=task.error,
        new_task_id=task.new_task_id,
        timestamp=task.updated_at,
    )
    ticket = (task.seed_ticket or "?") if task.seq_limit > 0 else ""
    return Close(task.id, task.history_upto, task.ord, ticket, b"%b\n%b" % (task.status.encode(), final))


def _is_settled(task: EndedTask, found: Closed) -> bool:
    return found.kind == "OTHER" or (found.proven and found.kind != "REST" and not task.live_debt)
