"""Watching many tasks live. A stream tells everything from its first event on, or it ends.

Nothing here is replayed, so nothing may be passed over in silence: a reader who falls behind, a lost bus
connection and changes that could not be published all end streams. Their readers read what they show anew.
"""

import asyncio
import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from functools import partial
from typing import TypeAlias

from tasktracker_schema import limits
from tasktracker_schema.requests import EventsQuery
from tasktracker_server.core import frames
from tasktracker_server.core.changes import CUT, read_head, read_message
from tasktracker_server.core.channels import CHANGES, Channel, entries_of, of_task
from tasktracker_server.core.entries import Entry
from tasktracker_server.core.errors import RedisUnavailable
from tasktracker_server.service.places import Places
from tasktracker_server.service.ports import EventBus
from tasktracker_server.service.streams import Pace, Stream
from tasktracker_server.service.watch import Watch

_OPEN_SECONDS = 10.0
"""How long opening waits for Redis: an EventSource never comes back after a 503."""
_RETRY_SECONDS = 0.2

_Need: TypeAlias = tuple[list[Channel], Callable[[bytes], None]]
"""Channels, and who hears them."""


class Watching:
    """All streams of many tasks in this process; each event is encoded once for all of them."""

    def __init__(
        self,
        bus: EventBus,
        places: Places,
        *,
        heartbeat_seconds: int = limits.HEARTBEAT_SECONDS_DEFAULT,
        lifetime_seconds: float | None = None,
    ) -> None:
        self._bus = bus
        self._places = places
        self._heartbeat_seconds = heartbeat_seconds
        self._lifetime_seconds = lifetime_seconds
        self._watches: set[Watch] = set()
        self._of_all: set[Watch] = set()
        self._of_task: defaultdict[str, set[Watch]] = defaultdict(set)
        self._of_type: defaultdict[str, set[Watch]] = defaultdict(set)
        self._cuts = 0

    async def open(self, query: EventsQuery) -> Stream:
        """A stream of what happens from now on.

        Raises:
            Overloaded: all places for streams are taken.
            RedisUnavailable: Redis stayed away for ten seconds.
        """
        self._places.take()
        pace = Pace.from_now(self._heartbeat_seconds, self._lifetime_seconds)
        watch = Watch(query, pace)
        try:
            await self._listen(watch)
        except BaseException:
            self._places.give_back()
            raise
        self._watches.add(watch)
        for watches in self._indexes(watch):
            watches.add(watch)
        return Stream(watch.chunks(), partial(self._leave, watch))

    async def _listen(self, watch: Watch) -> None:
        """Have the bus heard what the stream tells, without a break from then to now."""
        deadline = time.monotonic() + _OPEN_SECONDS
        while True:
            cuts = self._cuts
            if await self._subscribe(watch):
                if cuts == self._cuts:
                    return
                await self._unsubscribe(self._needs(watch))
            if time.monotonic() > deadline:
                raise RedisUnavailable
            await asyncio.sleep(_RETRY_SECONDS)

    async def _subscribe(self, watch: Watch) -> bool:
        """Subscribe to all that the stream needs, or to nothing."""
        asked: list[_Need] = []
        heard = False
        try:
            for need in self._needs(watch):
                asked.append(need)
                if not await self._bus.subscribe(*need):
                    return False
            heard = True
        finally:
            if not heard:
                await self._unsubscribe(asked)
        return heard

    async def _unsubscribe(self, needs: Iterable[_Need]) -> None:
        for need in needs:
            await self._bus.unsubscribe(*need)

    def _needs(self, watch: Watch) -> Iterable[_Need]:
        yield [CHANGES], self._hear_changes
        if watch.progress and watch.task_ids:
            yield [of_task(task_id) for task_id in watch.task_ids], self._hear_task
        if watch.progress and watch.task_types:
            yield [entries_of(task_type) for task_type in watch.task_types], self._hear_entries

    def _indexes(self, watch: Watch) -> Iterable[set[Watch]]:
        if not (watch.task_ids or watch.task_types):
            yield self._of_all
        yield from (self._of_task[task_id] for task_id in watch.task_ids)
        yield from (self._of_type[task_type] for task_type in watch.task_types)

    async def _leave(self, watch: Watch) -> None:
        """A stream is closed; repeating this is harmless."""
        if watch not in self._watches:
            return
        self._watches.discard(watch)
        for watches in self._indexes(watch):
            watches.discard(watch)
        for index, names in ((self._of_task, watch.task_ids), (self._of_type, watch.task_types)):
            for name in names:
                if not index[name]:
                    del index[name]
        self._places.give_back()
        await self._unsubscribe(self._needs(watch))

    # What the bus tells

    def _hear_changes(self, message: bytes) -> None:
        if message == CUT:
            self.cut()
            return
        for told in read_message(message):
            watches = self._of_all.union(
                self._of_task.get(told.task_id, ()), self._of_type.get(told.task_type, ())
            )
            if watches:
                _tell(watches, frames.of_many(b"status_change", told.envelope, told.task_type))

    def _hear_entries(self, message: bytes) -> None:
        """Progress as all tasks of a type tell it."""
        task_id, task_type, entries = _read(message)
        watches = [watch for watch in self._of_type.get(task_type, ()) if watch.progress]
        _tell_entries(watches, task_id, task_type, entries)

    def _hear_task(self, message: bytes) -> None:
        """Progress as one task tells it, for those who do not hear it by its type."""
        if message.startswith(b"P"):
            task_id, task_type, entries = _read(message)
            watches = [
                watch
                for watch in self._of_task.get(task_id, ())
                if watch.progress and task_type not in watch.task_types
            ]
            _tell_entries(watches, task_id, task_type, entries)

    def cut(self) -> None:
        """End all streams: something was missed."""
        self._cuts += 1
        for watch in self._watches:
            watch.cut()


def _read(message: bytes) -> tuple[str, str, list[bytes]]:
    head, *entries = message.split(b"\n")
    return *read_head(head[1:]), entries


def _tell_entries(watches: list[Watch], task_id: str, task_type: str, entries: list[bytes]) -> None:
    if watches:
        for stored in entries:
            envelope = Entry.parse(stored).envelope(task_id)
            _tell(watches, frames.of_many(b"progress", envelope, task_type))


def _tell(watches: Iterable[Watch], frame: bytes) -> None:
    for watch in watches:
        watch.tell(frame)
