"""The progress log: every act on it is one script, every batch one round trip."""

import secrets
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, cast

from tasktracker_server.core.changes import head_of
from tasktracker_server.core.channels import Channel
from tasktracker_server.core.errors import OutcomeUnknown, RedisUnavailable, TrackerError
from tasktracker_server.core.log import (
    Append,
    Appended,
    AppendKind,
    Close,
    Closed,
    Fence,
    Glance,
    HistoryLimits,
    Note,
    Peeked,
    Read,
    Seed,
    Seeded,
)
from tasktracker_server.live.client import Call, ConnectionBroken, LiveClient, command
from tasktracker_server.live.keys import Keys

_PEEK_BYTES = 1024 * 1024
_PEEK_ENTRIES = 7_000
"""Lua returns at most 8,000 values at once."""
_PAGE_BYTES = 1024 * 1024
_VERIFY_MS = 30_000
"""How long a live log trusts what it knows of a task's holder."""


class ProgressLog:
    """The live tail of running tasks.

    Laws: an entry answered OK stays until PostgreSQL holds it; no number is given twice; a closed log
    never opens again; a seed made before the last change of hands is refused.
    """

    def __init__(self, client: LiveClient, keys: Keys, history_limits: HistoryLimits) -> None:
        self._client = client
        self._keys = keys
        self.history_limits = history_limits

    async def append(self, batch: Sequence[Append]) -> list[Appended | TrackerError]:
        """Number, store and publish entries.

        Raises:
            RedisUnavailable: nothing was appended.
            OutcomeUnknown: the connection broke; some may have been.
        """
        try:
            answers = await self._client.run([self._append_call(one) for one in batch])
        except ConnectionBroken:
            raise OutcomeUnknown from None
        return [
            RedisUnavailable() if isinstance(answer, Exception) else _appended(answer) for answer in answers
        ]

    def _append_call(self, one: Append) -> Call:
        task_id = one.task_id
        own = "" if one.own_first is None else one.own_first
        attempt = "" if one.attempt is None else one.attempt
        head = (
            attempt,
            one.worker_id or "",
            *self.history_limits,
            self._keys.events(task_id),
            secrets.token_hex(8),
            own,
            int(one.final),
            task_id,
            self._keys.entries,
        )
        return Call("append", self._keys.of_task(task_id), (*head, *one.entries))

    async def seed(self, seeds: Sequence[Seed]) -> list[Seeded]:
        """Make tasks live; the index learns of them first, so that it may list too much, never too little."""
        calls = []
        for s in seeds:
            args = (s.ticket, s.attempt, s.worker_id or "", s.start, s.limit, s.history_upto, s.history_bytes)
            more = (int(s.cancelled), s.ord, _VERIFY_MS, _PAGE_BYTES, s.lease_seconds or 0)
            calls.append(Call("seed", self._keys.of_task(s.task_id), (*args, *more, s.task_type)))
        listed = self._index([s.task_id for s in seeds])
        answers = (await self._run([listed, *calls]))[1:]
        return [Seeded(answer[0].decode(), list(answer[1:])) for answer in answers]

    async def verify(self, seeds: Sequence[Seed]) -> list[bool]:
        """Confirm who holds the tasks; False where the ticket is void."""
        calls = [
            Call(
                "verify",
                (self._keys.live(s.task_id),),
                (s.ticket, s.attempt, s.worker_id or "", int(s.cancelled), _VERIFY_MS, s.lease_seconds or 0),
            )
            for s in seeds
        ]
        return [answer[0] == b"OK" for answer in await self._run(calls)]

    async def extend(self, blocks: Sequence[tuple[str, int, str]]) -> None:
        """Raise the blocks of numbers (task, limit, seed ticket), as PostgreSQL has already written down."""
        await self._run(
            [
                Call("extend", (self._keys.live(task_id),), (limit, ticket))
                for task_id, limit, ticket in blocks
            ]
        )

    async def void(self, tickets: Sequence[tuple[str, str]]) -> None:
        """Remove the tickets (task, ticket) of tasks that will never run."""
        await self._run([Call("void", (self._keys.live(task_id),), (ticket,)) for task_id, ticket in tickets])

    async def fence(self, fences: Sequence[Fence]) -> None:
        """Tell the logs that their tasks changed hands."""
        await self._run(
            [
                Call(
                    "fence",
                    (self._keys.live(f.task_id),),
                    (f.state, f.attempt, f.worker_id or "", f.lease_seconds or 0),
                )
                for f in fences
            ]
        )

    async def note(self, notes: Sequence[Note]) -> None:
        """Tell logs what changed about their running tasks."""
        await self._run(
            [Call("note", (self._keys.live(n.task_id),), (n.attempt, n.field, n.value)) for n in notes]
        )

    async def peek(self, task_ids: Sequence[str]) -> list[Peeked]:
        """What the ends of these tasks must carry; never raises, for a task can end without Redis."""
        calls = [
            Call(
                "peek",
                (self._keys.live(task_id), self._keys.progress(task_id)),
                (_PEEK_BYTES, _PEEK_ENTRIES),
            )
            for task_id in task_ids
        ]
        try:
            answers = await self._run(calls)
        except RedisUnavailable:
            return [Peeked(whole=False)] * len(calls)
        return [
            Peeked(whole == 1, proof.decode() or None, upto, list(entries))
            for whole, proof, upto, *entries in answers
        ]

    async def close(self, closes: Sequence[Close]) -> list[Closed]:
        """Close logs whose tasks' ends are committed, and tell the final event where all is stored."""
        calls = []
        for c in closes:
            channels = (self._keys.events(c.task_id), self._keys.changes, self._keys.entries + c.task_type)
            told = (c.status, c.final, head_of(c.task_id, c.task_type), c.own_entries)
            args = (c.history_upto, c.ord, _PAGE_BYTES, c.seed_ticket, c.leave, *channels, *told)
            settled = "" if c.settled_upto is None else c.settled_upto
            calls.append(Call("close", self._keys.of_task(c.task_id), (*args, settled, int(c.doubtful))))
        answers = await self._run(calls)
        gone = [
            c.task_id
            for c, answer in zip(closes, answers, strict=True)
            if c.seed_ticket and c.leave != "key" and answer[0] != b"REST"
        ]
        if gone:
            with suppress(RedisUnavailable):  # they are closed; what the index still names is looked at again
                await self._run([command("ZREM", self._keys.live_index, *gone)])
        return [Closed(kind.decode(), proven == 1, last, list(rest)) for kind, proven, last, *rest in answers]

    async def forget(self, tasks: Sequence[tuple[str, int]], *, gone: bool) -> list[bool]:
        """Remove what is left of these tasks' logs (task, ord), never that of a later task of the same id.

        Whether nothing is left: unless the tasks are ``gone``, what waits to be stored stays.
        """
        mode = "gone" if gone else "settled"
        calls = [Call("forget", self._keys.of_task(task_id), (ord, mode)) for task_id, ord in tasks]
        answers = await self._run(calls)
        forgotten = [task_id for (task_id, _), answer in zip(tasks, answers, strict=True) if answer == 1]
        if forgotten:
            await self._run([command("ZREM", self._keys.live_index, *forgotten)])
        return [answer == 1 for answer in answers]

    async def ords(self, task_ids: Sequence[str]) -> list[int]:
        """Which registration of its id each log belongs to; 0 where that is not known."""
        calls = [command("HGET", self._keys.live(task_id), "ord") for task_id in task_ids]
        return [int(answer or 0) for answer in await self._run(calls)]

    async def glance(self, task_ids: Sequence[str], max_bytes: int) -> list[Glance]:
        """The latest entry of each log, where it is not longer than this."""
        calls = [
            Call("glance", (self._keys.live(task_id), self._keys.progress(task_id)), (max_bytes,))
            for task_id in task_ids
        ]
        return [Glance(state.decode(), number, entry) for state, number, entry in await self._run(calls)]

    async def tail(self, task_ids: Sequence[str], entries: int) -> list[Read]:
        """The newest entries of each log."""
        return await self._read([("tail", task_id, 0) for task_id in task_ids], entries, 1 << 40)

    async def after(self, task_id: str, seq_id: int, *, entries: int, max_bytes: int) -> Read:
        """A page of the entries after a number."""
        return (await self._read([("after", task_id, seq_id)], entries, max_bytes))[0]

    async def _read(self, wanted: Sequence[tuple[str, str, int]], entries: int, max_bytes: int) -> list[Read]:
        calls = [
            Call("read", self._keys.of_task(task_id), (mode, number, entries, max_bytes))
            for mode, task_id, number in wanted
        ]
        return [
            Read(state.decode(), last, complete == 1, list(found))
            for state, last, complete, *found in await self._run(calls)
        ]

    async def last_numbers(self, task_ids: Sequence[str]) -> list[int]:
        """The last number given in each log; 0 where there is none."""
        answers = await self._run([command("GET", self._keys.seq(task_id)) for task_id in task_ids])
        return [int(answer or 0) for answer in answers]

    async def unchecked(self, seconds: float, limit: int) -> list[str]:
        """Tasks in the live index that nobody has looked at for so long."""
        oldest = time.time() - seconds
        wanted = command("ZRANGEBYSCORE", self._keys.live_index, "-inf", oldest, "LIMIT", 0, limit)
        return [task_id.decode() for task_id in (await self._run([wanted]))[0]]

    async def mark_checked(self, task_ids: Sequence[str]) -> None:
        """Note that these tasks were looked at just now."""
        await self._run([self._index(task_ids)])

    def _index(self, task_ids: Sequence[str]) -> Call:
        """Times here only order the janitor's work, so this machine's clock will do."""
        now = time.time()
        return command(
            "ZADD", self._keys.live_index, *(word for task_id in task_ids for word in (now, task_id))
        )

    async def publish(self, messages: Sequence[tuple[Channel, bytes]]) -> None:
        """Tell every process that listens of something that is not stored here."""
        await self._run([command("PUBLISH", self._keys.channel(channel), body) for channel, body in messages])

    async def wake(self, message: bytes) -> None:
        """Tell every process that tasks can be claimed."""
        await self._run([command("PUBLISH", self._keys.wake_channel, message)])

    async def _run(self, calls: Sequence[Call]) -> list[Any]:
        answers = await self._client.run(calls)
        for answer in answers:
            if isinstance(answer, Exception):
                # READONLY, LOADING, OOM and the like: the server is there but cannot serve.
                raise RedisUnavailable from answer
        return answers


def _appended(answer: list[Any]) -> Appended:
    kind = cast(AppendKind, answer[0].decode())
    match kind:
        case "OK":
            _, first, last, ms, cancelled, lease, attempt = answer
            return Appended(
                kind,
                first=first,
                last=last,
                ms=ms,
                cancelled=cancelled == b"1",
                lease_seconds=int(lease),
                number=attempt,
            )
        case "OLDER":
            _, expected, attempt, cancelled, lease = answer
            return Appended(
                kind,
                number=expected,
                attempt=attempt,
                cancelled=cancelled == b"1",
                lease_seconds=int(lease),
            )
        case "SEED" | "VERIFY":
            return Appended(kind, ticket=answer[1].decode())
        case _:
            return Appended(kind, number=answer[1] if len(answer) > 1 else 0)
