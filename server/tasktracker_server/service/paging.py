"""Pages of a task's history, and waiting for what comes next: what streams do, for callers whose proxies
would hold a stream back.

The order of things makes it free of gaps, as in `tracking`: look; where there is nothing, begin to listen,
and look again before waiting. What is heard only wakes; what is answered was read from the stores.
"""

import asyncio
import time
from typing import NamedTuple

from tasktracker_schema import limits
from tasktracker_schema.answers import ProgressPage
from tasktracker_schema.requests import ProgressQuery
from tasktracker_server.core.errors import TaskNotFound
from tasktracker_server.core.pages import PageBuilder
from tasktracker_server.service.following import HistoryReader
from tasktracker_server.service.places import Places
from tasktracker_server.service.topics import Topics

_READS = 16
"""Pages that are read at the same time: bounds what a rush of readers can take of memory and stores."""
_CHECK_SECONDS = 15.0
"""A waiting caller looks again after so long, whatever was heard: a safety net under the bus."""
_SOON_SECONDS = 0.2
_AWAY_SECONDS = 1.0


class _Wanted(NamedTuple):
    task_id: str
    after: int
    limit: int


class Paging:
    """Answers pages, at once or as soon as there is something in them."""

    def __init__(self, reader: HistoryReader, topics: Topics, *, waiters_limit: int) -> None:
        self._reader = reader
        self._topics = topics
        self._places = Places(waiters_limit, "waiting for progress")
        self._reading = asyncio.Semaphore(_READS)
        self._due: dict[_Wanted, asyncio.Task[PageBuilder | None]] = {}
        """Reads that have not begun: whoever wants the same is content with them."""
        self._waiting: set[asyncio.Event] = set()
        self._let_go = False

    async def page(self, task_id: str, query: ProgressQuery) -> ProgressPage:
        """The entries after a number; with ``waitSeconds`` not before there are any, or the task has ended.

        Raises:
            TaskNotFound
            Overloaded: too many are waiting already.
        """
        limit = query.limit or limits.PROGRESS_LIMIT_DEFAULT
        wanted = _Wanted(task_id, query.after_seq_id or 0, limit)
        page = await self._look(wanted)
        if query.wait_seconds and not page.tells and not self._let_go:
            page = await self._wait(wanted, time.monotonic() + query.wait_seconds)
        return page.answer()

    async def _wait(self, wanted: _Wanted, deadline: float) -> PageBuilder:
        self._places.take()
        try:
            topic = await self._topics.join(wanted.task_id)
            woken = topic.join()
            self._waiting.add(woken)
            try:
                return await self._next(wanted, woken, deadline)
            finally:
                self._waiting.discard(woken)
                topic.leave(woken)
                await self._topics.part(topic)
        finally:
            self._places.give_back()

    async def _next(self, wanted: _Wanted, woken: asyncio.Event, deadline: float) -> PageBuilder:
        """Look whenever something was heard, until there is something to tell or the time is over."""
        while True:
            woken.clear()
            page = await self._look(wanted)
            left = deadline - time.monotonic()
            if page.tells or self._let_go or left <= 0:
                return page
            try:
                async with asyncio.timeout(min(left, _pause(page))):
                    await woken.wait()
            except TimeoutError:
                if page.read.terminal:
                    await self._reader.help_close(wanted.task_id, page.read)

    async def _look(self, wanted: _Wanted) -> PageBuilder:
        """A page as the stores have it from now on: one read for all who want the same at this moment."""
        reading = self._due.get(wanted)
        if reading is None:
            reading = self._due[wanted] = asyncio.create_task(self._read(wanted))
            reading.add_done_callback(_is_seen)
        page = await asyncio.shield(reading)
        if page is None:
            raise TaskNotFound(wanted.task_id)
        return page

    async def _read(self, wanted: _Wanted) -> PageBuilder | None:
        async with self._reading:
            del self._due[wanted]
            page = PageBuilder(*wanted)
            more = True
            while more:
                read = await self._reader.page(wanted.task_id, page.after, entries=page.room, chunks=1)
                if read is None:
                    return None
                more = page.take(read)
            return page

    def look_again(self) -> None:
        """Have everybody who waits look: the bus may have missed something."""
        for woken in self._waiting:
            woken.set()

    def let_go(self) -> None:
        """Answer everybody who waits with what there is, and let nobody wait any more."""
        self._let_go = True
        self.look_again()


def _pause(page: PageBuilder) -> float:
    """How long to rely on being woken."""
    if not page.read.live_known:
        return _AWAY_SECONDS
    return _SOON_SECONDS if page.read.terminal else _CHECK_SECONDS


def _is_seen(reading: asyncio.Task[PageBuilder | None]) -> None:
    """Its error is told to those who wait for it; there may be none left."""
    if not reading.cancelled():
        reading.exception()
