"""One stream of many tasks: a bounded buffer between the bus and its reader."""

import asyncio
import logging
from collections import deque
from collections.abc import AsyncGenerator

from tasktracker_schema.requests import EventsQuery
from tasktracker_server.core import frames
from tasktracker_server.service.streams import Pace

log = logging.getLogger(__name__)

_BUFFER_BYTES = 1024 * 1024
"""What is kept for a reader who does not take it; frames are shared with the other readers of the process."""
_BUFFER_FRAMES = 10_000
_CHUNK_BYTES = 256 * 1024


class Watch:
    """One stream: what it is about, and what its reader has not taken yet."""

    def __init__(self, query: EventsQuery, pace: Pace) -> None:
        self.task_ids = dict.fromkeys(query.task_id or ())
        self.task_types = dict.fromkeys(query.task_type or ())
        self.progress = bool(query.progress)
        self._pace = pace
        self._waiting: deque[bytes] = deque()
        self._bytes = 0
        self._woken = asyncio.Event()
        self._is_cut = False

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

    async def chunks(self) -> AsyncGenerator[bytes, None]:
        """The bytes of the stream, until it is cut or its lifetime is over."""
        yield frames.ready(self.task_ids, self.task_types, self.progress) + frames.HEARTBEAT
        while not (self._is_cut or self._pace.is_over):
            if self._waiting:
                yield self._take()
                continue
            self._woken.clear()
            if not await self._pace.wait(self._woken):
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
