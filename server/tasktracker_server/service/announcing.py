"""Tells trackers of changes that are not stored as events: sent together, in the background, at most once."""

import asyncio

from tasktracker_schema.events import LifecycleReason
from tasktracker_server.core import frames
from tasktracker_server.core.errors import TrackerError
from tasktracker_server.service.ports import ProgressLog

_WAITING_MAX = 10_000


class Announcer:
    """Publishes lifecycle changes; what cannot be sent is dropped, for they are never replayed."""

    def __init__(self, live: ProgressLog) -> None:
        self._live = live
        self._waiting: list[tuple[str, bytes]] = []
        self._sending: asyncio.Task[None] | None = None

    def changed(
        self,
        task_id: str,
        status: str,
        reason: LifecycleReason,
        worker_id: str | None,
        attempt: int,
        timestamp: str,
        *,
        cancel_requested: bool = False,
    ) -> None:
        """A task changed its state, but did not end."""
        envelope = frames.lifecycle_envelope(
            task_id,
            status,
            reason,
            worker_id=worker_id,
            attempt=attempt,
            cancel_requested=cancel_requested,
            timestamp=timestamp,
        )
        if len(self._waiting) < _WAITING_MAX:
            self._waiting.append((task_id, b"L\n" + envelope))
        if self._sending is None:
            self._sending = asyncio.create_task(self._send())

    async def _send(self) -> None:
        try:
            while self._waiting:
                messages, self._waiting = self._waiting, []
                await self._live.publish(messages)
        except TrackerError:
            self._waiting.clear()
        finally:
            self._sending = None
