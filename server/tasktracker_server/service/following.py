"""One stream of one task: takes from the topic's ring, and reads what is stored where it fell behind."""

import time
from collections.abc import AsyncGenerator, Iterable, Iterator

from tasktracker_server.core import frames
from tasktracker_server.core.changes import Change, Step
from tasktracker_server.core.errors import RedisUnavailable, TrackerError
from tasktracker_server.core.replay import Cursor, Page, page_of
from tasktracker_server.service.ending import Ending
from tasktracker_server.service.ports import HistoryStore, ProgressLog
from tasktracker_server.service.streams import Pace
from tasktracker_server.service.topics import Heard, Topic

_PAGE_ENTRIES = 1_000
_PAGE_BYTES = 1024 * 1024
_PAGE_CHUNKS = 4
"""Pieces of stored history; the end of a task writes pieces of at most 1 MiB."""
_CHUNK_BYTES = 256 * 1024
"""Frames are joined to writes of about this size: a reader costs no more memory than that."""
_SOON_SECONDS = 0.2
_AWAY_SECONDS = 1.0


class HistoryReader:
    """Reads a task's history from wherever it is."""

    def __init__(self, histories: HistoryStore, live: ProgressLog, ending: Ending) -> None:
        self._histories = histories
        self._live = live
        self._ending = ending

    async def page(
        self, task_id: str, after: int, *, entries: int = _PAGE_ENTRIES, chunks: int = _PAGE_CHUNKS
    ) -> Page | None:
        """The next entries after a number: the live log first, then PostgreSQL, for what moves is in one.

        ``entries`` is the most that is taken of the live log, ``chunks`` of the stored pieces of history.

        Raises:
            TrackerError: the database does not answer.
        """
        try:
            live = await self._live.after(task_id, after, entries=entries, max_bytes=_PAGE_BYTES)
        except RedisUnavailable:
            live = None
        history = await self._histories.read(task_id, after, chunks)
        return None if history is None else page_of(after, live, history)

    async def help_close(self, task_id: str, page: Page) -> None:
        """Close the log of an ended task, if its ender has had time enough to do so."""
        if page.live_known and page.history.long_ended:
            await self._ending.help([task_id])


class Follower:
    """Brings a cursor forward. Made before the first page is read: what is heard from then on is in the
    ring, and what the page holds as well is dropped by its number."""

    def __init__(self, reader: HistoryReader, topic: Topic, cursor: Cursor, pace: Pace) -> None:
        self._reader = reader
        self.topic = topic
        self._cursor = cursor
        self._pace = pace
        self._woken = topic.join()
        self._place = topic.head
        self._read_at: float | None = 0.0
        """When what is stored must be read next; ``None`` while the ring suffices."""
        self._shown: Step | None = None
        """The state that the stream began with: only later changes are news. ``None``: none is told."""

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
        self._cursor.skip(page)
        yield self._opening(page)
        for chunk in self._replayed(page):
            yield chunk
        while not (self._cursor.ended or self._pace.is_over):
            if self._must_read():
                for chunk in await self._read():
                    yield chunk
            elif chunk := self._take():
                yield chunk
            elif not self._must_read() and not await self._pace.wait(self._woken, self._read_at):
                yield frames.HEARTBEAT

    def _must_read(self) -> bool:
        return self._read_at is not None and time.monotonic() >= self._read_at

    def _opening(self, page: Page) -> bytes:
        opening = frames.opening(self._cursor.after) + frames.HEARTBEAT
        if not self._cursor.lifecycle or page.terminal:
            return opening  # nothing that may still be told of the time before is news
        history = page.history
        current = Change(
            self.topic.task_id,
            "",  # its stream does not tell it
            history.status,
            "current",
            history.worker_id,
            history.attempt,
            history.updated_at,
            history.cancel_requested,
        )
        self._shown = current.step
        return opening + self._cursor.dress(frames.lifecycle(frames.lifecycle_envelope(current)))

    async def _read(self) -> list[bytes]:
        """One page of what is stored, as chunks."""
        place = self.topic.head
        task_id = self.topic.task_id
        try:
            page = await self._reader.page(task_id, self._cursor.after)
            if page is None:
                self._cursor.ended = True
                return []
            self._place = place
            self._cursor.skip(page)
            chunks = self._replayed(page)
            if page.terminal and not page.more and not self._cursor.ended:
                await self._reader.help_close(task_id, page)
        except TrackerError:
            self._read_at = time.monotonic() + _AWAY_SECONDS
            return []
        return chunks

    def _replayed(self, page: Page) -> list[bytes]:
        """The page's frames, joined; and when to read next."""
        chunks = list(_joined(self._cursor.replay(page)))
        now = time.monotonic()
        if page.more:
            self._read_at = 0.0
        elif not page.live_known:
            self._read_at = now + _AWAY_SECONDS
        elif page.terminal:
            self._read_at = now + _SOON_SECONDS
        else:
            self._read_at = None
        return chunks

    def _take(self) -> bytes:
        """What was heard since, joined; has the stored history read where it does not follow on."""
        self._woken.clear()
        if self._place < self.topic.base:
            self._read_at = 0.0
            return b""
        out: list[bytes] = []
        size = 0
        while self._place < self.topic.head and size < _CHUNK_BYTES and not self._cursor.ended:
            heard = self.topic.at(self._place)
            if not self._follows(heard):
                self._read_at = 0.0
                break
            if self._is_wanted(heard):
                out.append(self._cursor.dress(heard.frame))
                size += len(heard.frame)
            self._place += 1
        return b"".join(out)

    def _follows(self, heard: Heard) -> bool:
        """Whether nothing is missing between what was sent and this."""
        if heard.kind == "lifecycle":
            return True
        ahead = 1 if heard.kind == "progress" else 0
        return not self._cursor.skipping and heard.seq_id <= self._cursor.after + ahead

    def _is_wanted(self, heard: Heard) -> bool:
        """Whether this reader is sent this; moves its cursor."""
        cursor = self._cursor
        if heard.step is not None:
            return self._shown is not None and heard.step > self._shown
        if heard.kind == "final":
            cursor.ended = True
            return True
        is_news = heard.seq_id > cursor.after
        cursor.after = max(cursor.after, heard.seq_id)
        return is_news


def _joined(several: Iterable[bytes]) -> Iterator[bytes]:
    waiting: list[bytes] = []
    size = 0
    for frame in several:
        waiting.append(frame)
        size += len(frame)
        if size >= _CHUNK_BYTES:
            yield b"".join(waiting)
            waiting, size = [], 0
    if waiting:
        yield b"".join(waiting)
