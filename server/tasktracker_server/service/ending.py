"""Ending tasks so that nothing acknowledged is lost: peek, commit with history, close, append the rest.

The commit in PostgreSQL is the end. What follows it can be done by anyone, any number of times: the ender
itself, or any helper (the sweeper, a reader that finds a log of an ended task). A helper leaves a tombstone
for a minute, so that an ender who comes late does not take an absent log for a loss.
"""

import asyncio
import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Final, Literal

from tasktracker_schema.status import is_terminal
from tasktracker_server.core import frames
from tasktracker_server.core.ends import End, EndOutcome, TaskState
from tasktracker_server.core.entries import first_number
from tasktracker_server.core.errors import RedisUnavailable, TrackerError
from tasktracker_server.core.histories import Archive
from tasktracker_server.core.log import Close, Closed, Peeked
from tasktracker_server.service.announcing import Announcer
from tasktracker_server.service.ports import HistoryStore, ProgressLog, TaskStore

log = logging.getLogger(__name__)

_HELP_AFTER_SECONDS = 2.1
_HELP_BATCH = 500
_NONE: Final[Mapping[str, bytes]] = MappingProxyType({})


class Ending:
    """Ends tasks and closes their live logs."""

    def __init__(
        self, store: TaskStore, histories: HistoryStore, live: ProgressLog, announcer: Announcer
    ) -> None:
        self._store = store
        self._histories = histories
        self._live = live
        self._announcer = announcer
        self._seen: dict[str, float] = {}
        """Logs of ended tasks, and when to close them; in that order."""
        self._helping: asyncio.Task[None] | None = None

    async def end(self, ends: Sequence[End]) -> list[EndOutcome | TrackerError | None]:
        """Commit these ends with what their live logs hold, then close the logs."""
        peeked = await self._live.peek([end.id for end in ends])
        for end, found in zip(ends, peeked, strict=True):
            _carry(end, found)
        outcomes = await self._store.end(ends)
        ended: list[TaskState] = []
        own_entries: dict[str, bytes] = {}
        for end, outcome in zip(ends, outcomes, strict=True):
            if isinstance(outcome, EndOutcome) and outcome.ended:
                ended.append(_as_ended(end, outcome))
                own_entries[end.id] = _own_entries(end, outcome)
                if outcome.new_task_id is not None:
                    self._announcer.created(outcome.new_task_id, outcome.task_type, outcome.updated_at)
        await self.close(ended, by_ender=True, own_entries=own_entries)
        return outcomes

    async def close(
        self, tasks: Sequence[TaskState], *, by_ender: bool, own_entries: Mapping[str, bytes] = _NONE
    ) -> None:
        """Close the logs of ended tasks; ``by_ender``: the caller has just ended them itself.

        ``own_entries`` are those that the ends themselves numbered: told before the final events.
        Never raises: the ends are recorded, and what cannot be done now stays for helpers.
        """
        if not tasks:
            return
        closes = [_close_of(task, by_ender, own_entries.get(task.id, b"")) for task in tasks]
        try:
            closed = await self._live.close(closes)
        except RedisUnavailable as error:
            await self._owe(tasks, in_doubt=error.may_be_done)
            return
        except TrackerError as error:
            _tell_left([task.id for task in tasks], error)
            return
        open_still = [
            (task, close, found)
            for task, close, found in zip(tasks, closes, closed, strict=True)
            if not _is_settled(task, found, by_ender)
        ]
        failures = await asyncio.gather(*(self._try_to_settle(*one, by_ender) for one in open_still))
        for in_doubt in (False, True):
            left = [
                task
                for (task, _, _), failure in zip(open_still, failures, strict=True)
                if failure is not None and failure.may_be_done is in_doubt
            ]
            await self._owe(left, in_doubt=in_doubt)

    async def _try_to_settle(
        self, task: TaskState, close: Close, found: Closed, by_ender: bool
    ) -> RedisUnavailable | None:
        """Settle it, or say why its log stays open and is owed; each by the last call about itself."""
        try:
            await self._settle(task, close, found, by_ender)
        except RedisUnavailable as error:
            return error
        except TrackerError as error:
            _tell_left([task.id], error)
        return None

    async def _settle(self, task: TaskState, close: Close, found: Closed, by_ender: bool) -> None:
        """Append what raced the end, a page at a time; with the last of it, note what may have been lost.

        A loss is told by the ender of a task that owes nothing, or by whoever settles a debt first.
        """
        archive = Archive(task.id, task.history_upto, if_owed=task.live_debt or not by_ender)
        while True:
            if found.rest:
                archive.first_seq = first_number(found.rest[0])
                archive.last_seq = first_number(found.rest[-1])
                archive.entries = b"\n".join(found.rest).decode()
            archive.settles = found.whole
            archive.lost = not found.proven
            stored = (await self._histories.archive([archive])).get(task.id)
            if stored is None:
                # Another helper was faster: go on from where it came to.
                current = (await self._histories.ends([task.id]))[0]
                if current is None or current.history_upto <= archive.expected:
                    return
                upto = current.history_upto
            elif archive.settles:
                break
            else:
                upto = stored.history_upto
            archive = Archive(task.id, upto, if_owed=archive.if_owed)
            close = replace(close, history_upto=upto)
            found = (await self._live.close([close]))[0]
            if _is_settled(task, found, by_ender):
                return
        if stored.paid or not task.live_debt:
            await self._put_away(
                task, replace(close, history_upto=stored.history_upto), by_ender, lost=archive.lost
            )

    async def _put_away(self, task: TaskState, close: Close, by_ender: bool, *, lost: bool) -> None:
        """Remove a log that PostgreSQL holds to its end, and have the final event told.

        With a loss it names the last number that may have been given, which has every stream read the
        gap from what is stored: entries may have been lost that a stream came to see, and others not.
        """
        settled_upto = task.seq_limit if lost else close.history_upto
        await self._live.close([replace(close, leave=_left_by(by_ender), settled_upto=settled_upto)])

    async def _owe(self, tasks: Sequence[TaskState], *, in_doubt: bool) -> None:
        """Leave these to helpers; ``in_doubt``: their logs may have been closed all the same."""
        if not tasks:
            return
        self._announcer.missed()
        task_ids = [task.id for task in tasks if task.seq_limit > 0]
        if not task_ids:
            return
        try:
            await self._histories.owe(task_ids, in_doubt=in_doubt)
        except TrackerError as problem:
            _tell_left(task_ids, problem)

    async def help(self, task_ids: Sequence[str]) -> None:
        """Close the logs of those tasks that have ended; forget logs of tasks that are gone."""
        rows = await self._histories.ends(task_ids)
        await self._forget([task_id for task_id, row in zip(task_ids, rows, strict=True) if row is None])
        await self.close([row for row in rows if row is not None and is_terminal(row.status)], by_ender=False)

    async def _forget(self, task_ids: Sequence[str]) -> None:
        """Remove logs of tasks that are gone, but not those of tasks registered anew under their ids."""
        if not task_ids:
            return
        ords = await self._live.ords(task_ids)
        # A log that was there before this look, without a task now, is of a task that was deleted.
        rows = await self._histories.ends(task_ids)
        gone = [(task_id, ord) for task_id, ord, row in zip(task_ids, ords, rows, strict=True) if row is None]
        await self._live.forget(gone, gone=True)

    def help_later(self, task_id: str) -> None:
        """Somebody saw a log of an ended task: close it when its ender must have done so."""
        self._seen.setdefault(task_id, time.monotonic() + _HELP_AFTER_SECONDS)
        if self._helping is None:
            self._helping = asyncio.create_task(self._help_with_seen())

    async def _help_with_seen(self) -> None:
        """Close what was seen, together where several are due: readers may come upon thousands."""
        try:
            while self._seen:
                await asyncio.sleep(next(iter(self._seen.values())) - time.monotonic())
                now = time.monotonic()
                due = [task_id for task_id, at in self._seen.items() if at <= now][:_HELP_BATCH]
                for task_id in due:
                    del self._seen[task_id]
                try:
                    await self.help(due)
                except TrackerError as error:
                    log.info(
                        "%d logs are left to the sweeper: %s", len(due), error, extra={"action": "close_left"}
                    )
        finally:
            self._helping = None

    async def aclose(self) -> None:
        """Stop helping."""
        if self._helping is not None:
            self._helping.cancel()


def _tell_left(task_ids: Sequence[str], error: TrackerError) -> None:
    log.warning(
        "closing %d logs is left to helpers: %s", len(task_ids), error, extra={"action": "close_left"}
    )


def _carry(end: End, found: Peeked) -> None:
    end.peeked = found.whole
    end.proof = found.proof
    if found.entries:
        end.from_upto = found.upto
        end.first_seq = first_number(found.entries[0])
        end.last_seq = first_number(found.entries[-1])
        end.entries = b"\n".join(found.entries).decode()


def _as_ended(end: End, outcome: EndOutcome) -> TaskState:
    return TaskState(
        id=end.id,
        status=end.outcome,
        ord=outcome.ord,
        updated_at=outcome.updated_at,
        result=end.result,
        error=end.error if outcome.cancel_error is None else outcome.cancel_error,
        new_task_id=outcome.new_task_id,
        history_upto=outcome.history_upto,
        seq_limit=outcome.seq_limit,
        seed_ticket=outcome.seed_ticket,
        live_debt=bool(outcome.live_debt),
        task_type=outcome.task_type,
    )


def _own_entries(end: End, outcome: EndOutcome) -> bytes:
    """The entries that the end numbered, as they are stored."""
    if outcome.own_ms is None:
        return b""
    return b"\n".join(
        b"%d|%d|%d|%b" % (number, outcome.own_ms, outcome.attempt, data.encode())
        for number, data in enumerate(end.own or (), 1)
    )


def _left_by(by_ender: bool) -> Literal["nothing", "tombstone"]:
    return "nothing" if by_ender else "tombstone"


def _close_of(task: TaskState, by_ender: bool, own_entries: bytes) -> Close:
    final = frames.final_envelope(
        task.id,
        task.status,
        result=task.result,
        error=task.error,
        new_task_id=task.new_task_id,
        timestamp=task.updated_at,
    )
    ticket = (task.seed_ticket or "?") if task.seq_limit > 0 else ""
    return Close(
        task_id=task.id,
        history_upto=task.history_upto,
        ord=task.ord,
        seed_ticket=ticket,
        status=task.status,
        final=final,
        task_type=task.task_type,
        leave="key" if task.live_debt else _left_by(by_ender),
        own_entries=own_entries,
        doubtful=task.live_doubt,
    )


def _is_settled(task: TaskState, found: Closed, by_ender: bool) -> bool:
    """Nothing is left to do: all is stored, and no loss is this caller's to tell."""
    if found.kind == "OTHER":
        return True
    return found.kind != "REST" and not task.live_debt and (found.proven or not by_ender)
