"""What happens by itself: overdue tasks end, lost ones go back, due ones enter the queue, logs are closed.

Every process runs this; batches pass over rows that another one has in hand, so each is done once. Nothing
waits for anything else: that somebody looks is what leases are judged by, however long it takes to do what
was found.
"""

import asyncio
import logging
import random
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, TypeAlias

from tasktracker_server.core.errors import TrackerError
from tasktracker_server.core.leases import Due
from tasktracker_server.service.lapsing import GRACE_SECONDS, pause_seconds
from tasktracker_server.service.ports import TaskStore

Work: TypeAlias = Callable[[], Coroutine[Any, Any, None]]
Chore: TypeAlias = tuple[Work, float]
"""What to do, and every how many seconds."""

log = logging.getLogger(__name__)


class Sweeper:
    """Runs the recurring work until it is closed."""

    def __init__(
        self, store: TaskStore, *, sweep_seconds: float, when_due: Sequence[Work], also: Sequence[Chore]
    ) -> None:
        """``when_due`` is what to do for each field of :class:`Due`; ``also`` is done now and again."""
        self._store = store
        self._pause = pause_seconds(sweep_seconds)
        self._when_due = dict(zip(Due._fields, when_due, strict=True))
        self._chores = ((self.sweep, sweep_seconds), *also)
        self._running: list[asyncio.Task[None]] = []
        self._doing: dict[str, asyncio.Task[None]] = {}
        """What was found due, and is under way."""

    def start(self) -> None:
        """Begin."""
        for work, seconds in self._chores:
            self._running.append(asyncio.create_task(_repeat(work, seconds), name=f"sweeper-{work.__name__}"))

    async def aclose(self) -> None:
        """Stop, and wait for what is under way to be given up."""
        stopping = [*self._running, *self._doing.values()]
        for task in stopping:
            task.cancel()
        await asyncio.gather(*stopping, return_exceptions=True)

    async def sweep(self) -> None:
        """Look what is due, and begin it, unless it is under way."""
        due = await self._store.due(grace=GRACE_SECONDS, pause=self._pause)
        for name, is_due in due._asdict().items():
            if is_due and (name not in self._doing or self._doing[name].done()):
                self._doing[name] = asyncio.create_task(
                    _attempt(self._when_due[name]), name=f"sweeper-{name}"
                )


async def _repeat(work: Work, seconds: float) -> None:
    """Do something over and over; a store that is away is no reason to stop."""
    while True:
        await asyncio.sleep(seconds * random.uniform(0.8, 1.2))  # noqa: S311 - processes drift apart
        await _attempt(work)


async def _attempt(work: Work) -> None:
    try:
        await work()
    except TrackerError as error:
        log.debug("%s is put off: %s", work, error, extra={"action": "sweep_put_off"})
    except Exception:
        log.exception("%s failed", work, extra={"action": "sweep_failed"})
