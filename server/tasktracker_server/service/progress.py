"""Reporting progress: one round trip to Redis, and PostgreSQL now and then."""

from collections.abc import Mapping, Sequence
from typing import Any

from tasktracker_schema.answers import ReportedProgress
from tasktracker_schema.status import is_terminal
from tasktracker_server.core import verdicts
from tasktracker_server.core.coalescing import SINGLE, Coalescer, Lane
from tasktracker_server.core.entries import first_number, iso
from tasktracker_server.core.errors import (
    HistoryFull,
    OutcomeUnknown,
    PostgresUnavailable,
    RedisUnavailable,
    SeqGap,
    TaskNotFound,
    TrackerError,
)
from tasktracker_server.core.histories import Archive, Holder, SeedRequest
from tasktracker_server.core.log import Append, Appended, Fence, Seed
from tasktracker_server.core.opaque import Entry as GivenEntry
from tasktracker_server.service.ending import Ending
from tasktracker_server.service.ports import HistoryStore, ProgressLog
from tasktracker_server.service.renewing import Renewals
from tasktracker_server.service.repeating import as_first_time

_ROUNDS = 6
"""How often a call asks PostgreSQL and tries again before it gives up with 503."""


class Progress:
    """Appends entries to live logs, seeding them from PostgreSQL on first use."""

    def __init__(
        self,
        histories: HistoryStore,
        live: ProgressLog,
        ending: Ending,
        renewals: Renewals,
        *,
        lane: Lane = SINGLE,
    ) -> None:
        self._histories = histories
        self._live = live
        self._ending = ending
        self._renewals = renewals
        self._appending: Coalescer[Append, Appended] = Coalescer(
            self._append, size=lambda one: one.size, lane=lane
        )

    async def report(
        self, task_id: str, entries: Sequence[GivenEntry], worker_id: str | None, attempt: int | None
    ) -> ReportedProgress:
        """Number, store and publish entries, each once.

        Raises:
            TaskNotFound, StaleAttempt, WrongStatus, NotTaskWorker, SeqGap, HistoryFull
        """
        done = await self._appending.submit(_wanted(task_id, entries, worker_id, attempt))
        timestamp: Any = iso(done.ms).decode()
        return ReportedProgress(task_id, done.last, timestamp, done.first, done.cancelled)

    async def append_last(
        self,
        task_id: str,
        entries: Sequence[GivenEntry],
        worker_id: str | None,
        attempt: int | None,
        *,
        final: bool,
    ) -> bool:
        """Append what comes with a task's end; ``final``: not (False) where that would begin its live log.

        Raises:
            TaskNotFound, StaleAttempt, WrongStatus, NotTaskWorker, SeqGap, HistoryFull
        """
        one = _wanted(task_id, entries, worker_id, attempt)
        one.final = final
        return (await self._appending.submit(one)).kind == "OK"

    async def _append(self, batch: list[Append]) -> Sequence[Appended | Exception]:
        results: list[Appended | Exception] = [RedisUnavailable()] * len(batch)
        pending = list(range(len(batch)))
        for _ in range(_ROUNDS):
            asking: dict[int, Appended] = {}
            for n, answer in zip(pending, await self._try([batch[n] for n in pending]), strict=True):
                if isinstance(answer, TrackerError) or (batch[n].final and answer.kind == "SEED"):
                    results[n] = answer
                elif answer.kind in ("SEED", "VERIFY", "BLOCK", "ENDED", "PARKED", "STALE", "NOT_WORKER"):
                    asking[n] = answer
                else:
                    results[n] = await self._settled(batch[n], answer)
            refused = await self._ask_safely(batch, asking)
            for n, error in refused.items():
                results[n] = error
            pending = [n for n in asking if n not in refused]
            if not pending:
                break
        return results

    async def _try(self, batch: list[Append]) -> Sequence[Appended | TrackerError]:
        """Append these; what fails for all of them is nothing to those that were done before."""
        try:
            return await self._live.append(batch)
        except TrackerError as error:
            return [error] * len(batch)

    async def _ask_safely(self, batch: list[Append], asking: dict[int, Appended]) -> Mapping[int, Exception]:
        """The same as `_ask`; a look that is lost has appended nothing."""
        if not asking:
            return {}
        try:
            return await self._ask(batch, asking)
        except OutcomeUnknown:
            return dict.fromkeys(asking, PostgresUnavailable())
        except TrackerError as error:
            return dict.fromkeys(asking, error)

    async def _settled(self, one: Append, answer: Appended) -> Appended | Exception:
        """What the log's answer means to the caller."""
        if answer.kind == "OLDER":
            try:
                answer = await as_first_time(self._histories, one, answer)
            except TrackerError as error:
                return error
        if answer.kind == "OK" and answer.lease_seconds:
            self._renewals.heard(one.task_id, answer.number, answer.lease_seconds)
        return _outcome(answer)

    async def _ask(self, batch: list[Append], asking: dict[int, Appended]) -> dict[int, Exception]:
        """Ask PostgreSQL on behalf of live logs; answers the errors of those that it refuses."""
        seeding = {batch[n].task_id: answer.ticket for n, answer in asking.items() if answer.kind == "SEED"}
        verifying = {
            batch[n].task_id: answer.ticket for n, answer in asking.items() if answer.kind == "VERIFY"
        }
        blocks: dict[str, int] = {}
        for n, answer in asking.items():
            if answer.kind == "BLOCK":
                blocks[batch[n].task_id] = max(answer.number, blocks.get(batch[n].task_id, 0))
        extended = await self._extend(blocks)
        holders = await self._seed(seeding) | await self._verify(verifying)
        asked = [batch[n].task_id for n in asking if batch[n].task_id not in extended]
        if unknown := list(dict.fromkeys(task_id for task_id in asked if task_id not in holders)):
            holders |= dict(zip(unknown, await self._histories.holders(unknown), strict=True))
        refused: dict[int, Exception] = {}
        behind: list[Fence] = []
        for n, answer in asking.items():
            one = batch[n]
            if one.task_id in extended:
                continue
            holder = holders[one.task_id]
            if error := self._refusal(one, holder):
                refused[n] = error
            elif holder is not None and answer.kind in ("ENDED", "PARKED", "STALE", "NOT_WORKER"):
                behind.append(Fence(holder.id, "l", holder.attempt, holder.worker_id, holder.lease_seconds))
        if behind:
            await self._live.fence(behind)
        return refused

    async def _seed(self, tickets: dict[str, str]) -> dict[str, Holder | None]:
        if not tickets:
            return {}
        bought = await self._histories.buy(
            [SeedRequest(task_id, ticket) for task_id, ticket in tickets.items()]
        )
        over = [
            (task_id, ticket)
            for (task_id, ticket), holder in zip(tickets.items(), bought, strict=True)
            if holder is None or is_terminal(holder.status)
        ]
        if over:
            await self._live.void(over)
        running = [holder for holder in bought if holder is not None and holder.status == "in_progress"]
        if running:
            seeded = await self._live.seed([_seed_of(holder, tickets[holder.id]) for holder in running])
            drained = [
                _drain(holder, found.entries)
                for holder, found in zip(running, seeded, strict=True)
                if found.kind == "DRAIN"
            ]
            if drained:
                await self._histories.archive(drained)
        return dict(zip(tickets, bought, strict=True))

    async def _verify(self, tickets: dict[str, str]) -> dict[str, Holder | None]:
        if not tickets:
            return {}
        found = await self._histories.holders(list(tickets))
        running = [holder for holder in found if holder is not None and holder.status == "in_progress"]
        if running:
            await self._live.verify([_seed_of(holder, tickets[holder.id]) for holder in running])
        return dict(zip(tickets, found, strict=True))

    async def _extend(self, needs: dict[str, int]) -> set[str]:
        """Buy larger blocks; answers the tasks that got one, for they are running."""
        if not needs:
            return set()
        bought = await self._histories.extend(list(needs.items()))
        if bought:
            await self._live.extend(bought)
        return {task_id for task_id, _, _ in bought}

    def _refusal(self, one: Append, holder: Holder | None) -> TrackerError | None:
        """Why PostgreSQL refuses this caller; ``None`` where the live log is merely behind."""
        if holder is None:
            return TaskNotFound(one.task_id)
        if is_terminal(holder.status):
            self._ending.help_later(one.task_id)
        named = one.attempt is None or one.attempt == holder.attempt
        own = one.worker_id is None or holder.worker_id is None or one.worker_id == holder.worker_id
        if holder.status == "in_progress" and named and own:
            return None
        return verdicts.refusal("report progress of", holder, one)


def _wanted(
    task_id: str, entries: Sequence[GivenEntry], worker_id: str | None, attempt: int | None
) -> Append:
    own_first = entries[0].own_seq_id if entries else None
    return Append(task_id, [entry.data for entry in entries], own_first, attempt, worker_id)


def _outcome(answer: Appended) -> Appended | Exception:
    if answer.kind == "SEQ_GAP":
        return SeqGap(
            f"The next seqId of this task is {answer.number}.", details={"expectedSeqId": answer.number}
        )
    if answer.kind == "FULL":
        return HistoryFull("The task's history is at its limit; it can still be completed or failed.")
    return answer


def _seed_of(holder: Holder, ticket: str) -> Seed:
    return Seed(
        task_id=holder.id,
        ticket=ticket,
        attempt=holder.attempt,
        worker_id=holder.worker_id,
        start=holder.seed_start,
        limit=holder.seq_limit,
        history_upto=holder.history_upto,
        history_bytes=holder.history_bytes,
        cancelled=holder.cancelled,
        ord=holder.ord,
        lease_seconds=holder.lease_seconds,
        task_type=holder.task_type,
    )


def _drain(holder: Holder, entries: list[bytes]) -> Archive:
    return Archive(
        holder.id,
        holder.history_upto,
        first_seq=first_number(entries[0]),
        last_seq=first_number(entries[-1]),
        entries=b"\n".join(entries).decode(),
        drains=True,
    )
