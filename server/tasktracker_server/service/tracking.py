"""Following tasks: history, then each entry live, then the end; each exactly once and in order.

The order of things is what makes it gap-free: subscribe and wait for the acknowledgement, then read what
is stored, then go on with what was heard since, by number.
"""

import asyncio
import logging
import time
from functools import partial

from tasktracker_schema import limits
from tasktracker_schema.requests import TrackQuery
from tasktracker_schema.status import is_terminal
from tasktracker_server.core.errors import RedisUnavailable, TaskNotFound, TrackerError
from tasktracker_server.core.replay import Cursor, Page, parse_last_event_id
from tasktracker_server.service.following import Follower, HistoryReader
from tasktracker_server.service.places import Places
from tasktracker_server.service.ports import ProgressLog, TaskStore
from tasktracker_server.service.streams import Pace, Stream
from tasktracker_server.service.topics import Topic, Topics

log = logging.getLogger(__name__)

_OPEN_SECONDS = 10.0
"""How long opening waits for the database: an EventSource never comes back after a 503."""
_RETRY_SECONDS = 0.2
CHECK_SECONDS = 15.0
"""How often all streams are compared with the stores: a safety net under the bus."""


class Tracking:
    """Streams of single tasks."""

    def __init__(
        self,
        store: TaskStore,
        live: ProgressLog,
        reader: HistoryReader,
        topics: Topics,
        places: Places,
        *,
        heartbeat_seconds: int = limits.HEARTBEAT_SECONDS_DEFAULT,
        lifetime_seconds: float | None = None,
    ) -> None:
        self._store = store
        self._live = live
        self._reader = reader
        self._topics = topics
        self._places = places
        self._heartbeat_seconds = heartbeat_seconds
        self._lifetime_seconds = lifetime_seconds
        self._followers: set[Follower] = set()

    async def open(self, task_id: str, query: TrackQuery, last_event_id: str | None) -> Stream | None:
        """The chunks of a task's stream; ``None`` where the caller has seen its end already.

        Raises:
            TaskNotFound
            Overloaded: all places for streams are taken.
            PostgresUnavailable: the database stayed away for ten seconds.
        """
        seen = parse_last_event_id(last_event_id)
        cursor = Cursor(
            task_id,
            seen[0] if seen else query.after_seq_id or 0,
            named=query.named is not False,
            lifecycle=bool(query.lifecycle),
            skipping=seen is None and bool(query.ignore_history),
        )
        pace = Pace.from_now(query.heartbeat_seconds or self._heartbeat_seconds, self._lifetime_seconds)
        follower = Follower(self._reader, await self._enter(task_id), cursor, pace)
        self._followers.add(follower)
        try:
            page = await self._first_page(task_id, cursor.after)
        except BaseException:
            await self._leave(follower)
            raise
        if seen is not None and seen[1] and page.terminal:
            await self._leave(follower)
            return None
        return Stream(follower.chunks(page), partial(self._leave, follower))

    async def _enter(self, task_id: str) -> Topic:
        """A place for one more stream, and the topic it is about."""
        self._places.take()
        try:
            return await self._topics.join(task_id)
        except BaseException:
            self._places.give_back()
            raise

    async def _first_page(self, task_id: str, after: int) -> Page:
        deadline = time.monotonic() + _OPEN_SECONDS
        while True:
            try:
                page = await self._reader.page(task_id, after)
            except TrackerError:
                if time.monotonic() > deadline:
                    raise
                await asyncio.sleep(_RETRY_SECONDS)
                continue
            if page is None:
                raise TaskNotFound(task_id)
            return page

    async def _leave(self, follower: Follower) -> None:
        """A stream is closed; repeating this is harmless."""
        if follower in self._followers:
            self._followers.discard(follower)
            follower.close()
            self._places.give_back()
            await self._topics.part(follower.topic)

    def look_again(self) -> None:
        """Have every stream read what is stored: the bus may have missed something."""
        for follower in self._followers:
            follower.look_again()

    async def check(self) -> None:
        """Have those streams look again that are behind what is stored."""
        task_ids = self._topics.task_ids
        if not task_ids:
            return
        try:
            numbers = dict(zip(task_ids, await self._live.last_numbers(task_ids), strict=True))
        except RedisUnavailable:
            numbers = {}
        states = await self._store.states(task_ids)
        for follower in list(self._followers):
            status, stored = states.get(follower.topic.task_id, ("", 0))
            last = max(numbers.get(follower.topic.task_id, 0), stored)
            if not status or is_terminal(status) or last > follower.after:
                follower.look_again()
