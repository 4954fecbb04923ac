"""What all event streams have in common: their pace, and that they are left when they end."""

import asyncio
import random
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Self


@dataclass(frozen=True, slots=True)
class Pace:
    """When a stream shows a sign of life, and when it is over."""

    heartbeat_seconds: float
    deadline: float | None
    """On the monotonic clock."""

    @classmethod
    def from_now(cls, heartbeat_seconds: float, lifetime_seconds: float | None) -> Self:
        """The pace of a stream that begins now; lifetimes differ, so that not all readers return at once."""
        if lifetime_seconds is None:
            return cls(heartbeat_seconds, None)
        jitter = random.uniform(0.8, 1.2)  # noqa: S311
        return cls(heartbeat_seconds, time.monotonic() + lifetime_seconds * jitter)

    @property
    def is_over(self) -> bool:
        """Whether the stream has lived its time."""
        return self.deadline is not None and time.monotonic() >= self.deadline

    async def wait(self, woken: asyncio.Event, until: float | None = None) -> bool:
        """Until there is something to do, by ``until`` at the latest; False after a heartbeat's silence."""
        now = time.monotonic()
        silence_ends = now + self.heartbeat_seconds
        due = min(when for when in (silence_ends, until, self.deadline) if when is not None)
        try:
            async with asyncio.timeout(max(0.0, due - now)):
                await woken.wait()
        except TimeoutError:
            return due < silence_ends
        return True


class Stream:
    """The chunks of one open stream; ``aclose`` frees it, whether or not it was ever read."""

    def __init__(self, chunks: AsyncGenerator[bytes, None], leave: Callable[[], Awaitable[None]]) -> None:
        """``leave`` is called at the end, however that comes; it may be called again."""
        self._chunks = chunks
        self._leave = leave

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        try:
            return await anext(self._chunks)
        except BaseException:
            await self._leave()
            raise

    async def aclose(self) -> None:
        """End the stream."""
        await self._chunks.aclose()
        await self._leave()
