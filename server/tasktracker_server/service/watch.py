"""One stream of many tasks: a bounded buffer between the bus and its reader."""

import asyncio
import logging
import time
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable

from tasktracker_schema.requests import EventsQuery
from tasktracker_server.core import frames
from tasktracker_server.service.following import Pace

log = logging.getLogger(__name__)

_BUFFER_BYTES = 1024 * 1024
"""What is kept for a reader who does not take it; frames are shared with the other readers of the process."""
_BUFFER_FRAMES = 10_000
_CHUNK_BYTES = 256 * 1024


class Watch:
    """One stream: what it is about, and what its reader has not taken yet."""

    def __init__(self, query: EventsQuery, pace: Pace, leave: Callable[["Watch"], Awaitable[None]]) -> None:
        self.task_ids = dict.fromkeys(query.task_id or ())
        self.task_types = dict.fromkeys(query.task_type or ())
        self.progress = bool(query.progress)
        self._pace = pace
        self._leave = leave
        self._waiting: deque[bytes] = deque()
        self._bytes = 0
        self._woken = asyncio.Event()
        self._is_cut = False
        self._chunks = self._told()

    def tell(self, frame: bytes) -> None:
        """Add a frame, or end the stream where its reader is too far behind."""
        if self._is_cut:
            return
        full = self._bytes + len(frame) > _BUFFER_BYTES or len(self._waiting) >= _BUFFER_FRAMES
        if self._waiting and full:
            log.info("a reader of many tasks fell behind", extra={"action": "watch_cut"})
            self.cut()
            return
        self._waiting.append(frame)
        self._bytes += len(frame)
        self._woken.set()

    def cut(self) -> None:
        """End the stream: something will be missing."""
        self._is_cut = True
        self._waiting.clear()
        self._woken.set()

    async def _told(self) -> AsyncGenerator[bytes, None]:
        yield frames.ready(self.task_ids, self.task_types, self.progress) + frames.HEARTBEAT
        while not (self._is_cut or self._pace.is_over):
            if self._waiting:
                yield self._take()
            elif not await self._wait():
                yield frames.HEARTBEAT

    def _take(self) -> bytes:
        """What waits, joined to a write of bounded size."""
        taken: list[bytes] = []
        size = 0
        while self._waiting and size < _CHUNK_BYTES:
            frame = self._waiting.popleft()
            taken.append(frame)
            size += len(frame)
        self._bytes -= size
        return b"".join(taken)

    async def _wait(self) -> bool:
        """Until there is something to do; False after a heartbeat's time of silence."""
        self._woken.clear()
        now = time.monotonic()
        silence_ends = now + self._pace.heartbeat_seconds
        due = min(silence_ends, self._pace.deadline or silence_ends)
        try:
            async with asyncio.timeout(due - now):
                await self._woken.wait()
        except TimeoutError:
            return due < silence_ends
        return True

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        try:
            return await anext(self._chunks)
        except BaseException:
            await self._leave(self)
            raise

    async def aclose(self) -> None:
        """End the stream."""
        await self._chunks.aclose()
        await self._leave(self)
