"""Following tasks: history, then each entry live, then the end; each exactly once and in order.

The order of things is what makes it gap-free: subscribe and wait for the acknowledgement, then read what
is stored, then go on with what was heard since, by number.
"""

import asyncio
import logging
import random
import time
from collections.abc import AsyncGenerator, AsyncIterator

from tasktracker_schema import limits
from tasktracker_schema.requests import TrackQuery
from tasktracker_schema.status import is_terminal
from tasktracker_server.core import frames
from tasktracker_server.core.errors import RedisUnavailable, TaskNotFound, TrackerError
from tasktracker_server.core.replay import Cursor, Page, page_of, parse_last_event_id
from tasktracker_server.service.ending import Ending
from tasktracker_server.service.ports import EventBus, HistoryStore, ProgressLog, TaskStore
from tasktracker_server.service.topics import Topic

log = logging.getLogger(__name__)

_OPEN_SECONDS = 10.0
"""How long opening waits for the database: an EventSource never comes back after a 503."""
_PAGE_ENTRIES = 1_000
_PAGE_BYTES = 1024 * 1024
_CHUNK_BYTES = 256 * 1024
_CHECK_SECONDS = 15.0
_SOON_SECONDS = 0.2
_AWAY_SECONDS = 1.0


class Tracking:
    """Streams of tasks; all streams of one task in this process share a subscription."""

    def __init__(
        self,
        store: TaskStore,
        histories: HistoryStore,
        live: ProgressLog,
        bus: EventBus,
        ending: Ending,
        *,
        heartbeat_seconds: int = limits.HEARTBEAT_SECONDS_DEFAULT,
        lifetime_seconds: float | None = None,
    ) -> None:
        self._store = store
        self._histories = histories
        self._live = live
        self._bus = bus
        self._ending = ending
        self._heartbeat_seconds = heartbeat_seconds
        self._lifetime_seconds = lifetime_seconds
        self._topics: dict[str, Topic] = {}
        self._subscribing: dict[str, asyncio.Task[bool]] = {}
        self._followers: set[_Follower] = set()

    async def open(self, task_id: str, query: TrackQuery, last_event_id: str | None) -> "Stream | None":
        """The chunks of a task's stream; ``None`` where the caller has seen its end already.

        Raises:
            TaskNotFound
            PostgresUnavailable: the database stayed away for ten seconds.
        """
        seen = parse_last_event_id(last_event_id)
        after = seen[0] if seen else query.after_seq_id or 0
        skip = seen is None and bool(query.ignore_history)
        topic = await self._join(task_id)
        place = topic.head
        try:
            page = await self._first_page(task_id, after)
        except BaseException:
            await self._leave(topic)
            raise
        if seen is not None and seen[1] and page.terminal:
            await self._leave(topic)
            return None
        cursor = Cursor(task_id, after, named=query.named is not False, lifecycle=bool(query.lifecycle))
        heartbeat = query.heartbeat_seconds or self._heartbeat_seconds
        follower = _Follower(self, topic, place, cursor, skip, heartbeat, self._deadline())
        self._followers.add(follower)
        return Stream(self, follower, page)

    async def leave(self, follower: "_Follower") -> None:
        """A stream is closed; repeating this is harmless."""
        if follower in self._followers:
            self._followers.discard(follower)
            follower.close()
            await self._leave(follower.topic)

    async def _first_page(self, task_id: str, after: int) -> Page:
        deadline = time.monotonic() + _OPEN_SECONDS
        while True:
            try:
                page = await self.page(task_id, after)
            except TrackerError:
                if time.monotonic() > deadline:
                    raise
                await asyncio.sleep(_SOON_SECONDS)
                continue
            if page is None:
                raise TaskNotFound(task_id)
            return page

    def _deadline(self) -> float | None:
        if self._lifetime_seconds is None:
            return None
        return time.monotonic() + self._lifetime_seconds * random.uniform(0.8, 1.2)  # noqa: S311 - jitter

    async def page(self, task_id: str, after: int) -> Page | None:
        """The next entries after a number: the live log first, then PostgreSQL, for what moves is in one.

        Raises:
            TrackerError: the database does not answer.
        """
        try:
            live = await self._live.after(task_id, after, entries=_PAGE_ENTRIES, max_bytes=_PAGE_BYTES)
        except RedisUnavailable:
            live = None
        history = await self._histories.read(task_id, after)
        return None if history is None else page_of(after, live, history)

    async def help_close(self, page: Page, task_id: str) -> None:
        """Close the log of an ended task, if its ender has had time enough to do so."""
        if page.live_known and page.history.long_ended:
            await self._ending.help([task_id])

    async def _join(self, task_id: str) -> Topic:
        topic = self._topics.get(task_id)
        if topic is None:
            topic = self._topics[task_id] = Topic(task_id)
            self._subscribing[task_id] = asyncio.create_task(self._bus.subscribe(task_id, topic.hear))
        topic.readers += 1
        if subscribing := self._subscribing.get(task_id):
            try:
                await asyncio.shield(subscribing)
            except BaseException:
                await self._leave(topic)
                raise
        return topic

    async def _leave(self, topic: Topic) -> None:
        topic.readers -= 1
        if topic.readers == 0 and self._topics.get(topic.task_id) is topic:
            del self._topics[topic.task_id]
            self._subscribing.pop(topic.task_id, None)
            await self._bus.unsubscribe(topic.task_id)

    def look_again(self) -> None:
        """Have every stream read what is stored: the bus may have missed something."""
        for follower in self._followers:
            follower.look_again()

    async def check_forever(self) -> None:
        """Every 15 s, compare all streams with the stores: a safety net under the bus."""
        while True:
            await asyncio.sleep(_CHECK_SECONDS)
            try:
                await self.check()
            except TrackerError as error:
                log.info("streams could not be checked: %s", error, extra={"action": "streams_unchecked"})

    async def check(self) -> None:
        """Have those streams look again that are behind what is stored."""
        task_ids = list(self._topics)
        if not task_ids:
            return
        try:
            numbers = dict(zip(task_ids, await self._live.last_numbers(task_ids), strict=True))
        except RedisUnavailable:
            numbers = {}
        states = await self._store.states(task_ids)
        for follower in list(self._followers):
            status, stored = states.get(follower.task_id, ("", 0))
            if (
                is_terminal(status)
                or not status
                or max(numbers.get(follower.task_id, 0), stored) > follower.after
            ):
                follower.look_again()


class Stream:
    """The chunks of one open stream; ``aclose`` frees it, whether or not it was ever read."""

    def __init__(self, tracking: Tracking, follower: "_Follower", page: Page) -> None:
        self._tracking = tracking
        self._follower = follower
        self._chunks = follower.chunks(page)

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        try:
            return await anext(self._chunks)
        except BaseException:
            await self._tracking.leave(self._follower)
            raise

    async def aclose(self) -> None:
        """End the stream."""
        await self._chunks.aclose()
        await self._tracking.leave(self._follower)


class _Follower:
    """One stream: a cursor that takes from the topic's ring, or reads what is stored where it fell behind."""

    def __init__(
        self,
        tracking: Tracking,
        topic: Topic,
        place: int,
        cursor: Cursor,
        skip: bool,
        heartbeat_seconds: float,
        deadline: float | None,
    ) -> None:
        self._tracking = tracking
        self.topic = topic
        self._cursor = cursor
        self._skip = skip
        self._heartbeat_seconds = heartbeat_seconds
        self._deadline = deadline
        self._woken = topic.join()
        self._place = place
        """Taken before the first page was read: what was heard since then is in the ring, and what was
        read as well is dropped by its number."""
        self._read_at: float | None = 0.0
        """When what is stored must be read next; ``None`` while the ring suffices."""

    @property
    def task_id(self) -> str:
        """The task that is followed."""
        return self.topic.task_id

    @property
    def after(self) -> int:
        """The last number sent."""
        return self._cursor.after

    def close(self) -> None:
        """Be woken no longer."""
        self.topic.leave(self._woken)

    def look_again(self) -> None:
        """Read what is stored."""
        self._read_at = 0.0
        self._woken.set()

    async def chunks(self, page: Page) -> AsyncGenerator[bytes, None]:
        """The bytes of the stream, until the end or this stream's lifetime."""
        cursor = self._cursor
        if self._skip and page.live_known:
            self._skip_to(page)
        yield self._opening(page)
        if not self._skip:
            for chunk in self._replayed(page):
                yield chunk
        while not cursor.ended and not self._is_over():
            if self._read_at is not None and time.monotonic() >= self._read_at:
                async for chunk in self._read():
                    yield chunk
            elif chunk := self._take():
                yield chunk
            elif self._read_at is None or time.monotonic() < self._read_at:
                if not await self._wait():
                    yield frames.HEARTBEAT

    def _opening(self, page: Page) -> bytes:
        opening = frames.opening(self._cursor.after) + frames.HEARTBEAT
        if not self._cursor.lifecycle or page.terminal:
            return opening
        history = page.history
        current = frames.lifecycle_envelope(
            self.task_id,
            history.status,
            "current",
            worker_id=history.worker_id,
            attempt=history.attempt,
            cancel_requested=history.cancel_requested,
            timestamp=history.updated_at,
        )
        return opening + self._cursor.dress(frames.lifecycle(current))

    def _skip_to(self, page: Page) -> None:
        lost = page.history.lost_to or 0
        self._cursor.after = max(page.last, lost if page.terminal else 0)
        self._skip = False

    def _is_over(self) -> bool:
        return self._deadline is not None and time.monotonic() >= self._deadline

    async def _read(self) -> AsyncIterator[bytes]:
        """One page of what is stored."""
        self._read_at = None
        place = self.topic.head
        try:
            page = await self._tracking.page(self.task_id, self._cursor.after)
        except TrackerError:
            self._read_at = time.monotonic() + _AWAY_SECONDS
            return
        if page is None:
            self._cursor.ended = True
            return
        self._place = place
        if self._skip and (page.live_known or page.terminal):
            self._skip_to(page)
        if not self._skip:
            for chunk in self._replayed(page):
                yield chunk
        if page.terminal and not self._cursor.ended and not page.more:
            try:
                await self._tracking.help_close(page, self.task_id)
            except TrackerError:
                self._read_at = time.monotonic() + _AWAY_SECONDS

    def _replayed(self, page: Page) -> list[bytes]:
        """The page's frames, joined; and when to read next."""
        chunks: list[bytes] = []
        waiting: list[bytes] = []
        size = 0
        for frame in self._cursor.replay(page):
            waiting.append(frame)
            size += len(frame)
            if size >= _CHUNK_BYTES:
                chunks.append(b"".join(waiting))
                waiting, size = [], 0
        if waiting:
            chunks.append(b"".join(waiting))
        now = time.monotonic()
        if page.more:
            self._read_at = 0.0
        elif page.terminal and page.live_known:
            self._read_at = now + _SOON_SECONDS
        elif not page.live_known:
            self._read_at = now + _AWAY_SECONDS
        else:
            self._read_at = None
        return chunks

    def _take(self) -> bytes:
        """What was heard since, joined; sets ``_read_at`` where it does not follow on what was sent."""
        topic, cursor = self.topic, self._cursor
        self._woken.clear()
        out: list[bytes] = []
        size = 0
        if self._place < topic.base:
            self._read_at = 0.0
            return b""
        while self._place < topic.head and size < _CHUNK_BYTES and not cursor.ended:
            heard = topic.at(self._place)
            if heard.kind == "lifecycle":
                wanted = cursor.lifecycle
            elif heard.kind == "progress":
                if heard.seq_id > cursor.after + 1 or self._skip:
                    self._read_at = 0.0
                    break
                wanted = heard.seq_id > cursor.after
                cursor.after = max(cursor.after, heard.seq_id)
            else:
                if heard.seq_id > cursor.after or self._skip:
                    self._read_at = 0.0
                    break
                wanted = cursor.ended = True
            if wanted:
                out.append(cursor.dress(heard.frame))
                size += len(heard.frame)
            self._place += 1
        return b"".join(out)

    async def _wait(self) -> bool:
        """Until there is something to do; False after a heartbeat's time of silence."""
        now = time.monotonic()
        until = now + self._heartbeat_seconds
        due = min(when for when in (until, self._read_at, self._deadline) if when is not None)
        try:
            async with asyncio.timeout(max(0.0, due - now)):
                await self._woken.wait()
        except TimeoutError:
            return due < until
        return True
