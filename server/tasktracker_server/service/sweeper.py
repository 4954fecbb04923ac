"""What happens by itself: overdue tasks end, lost ones go back, due ones enter the queue, logs are closed.

Every process runs this; batches pass over rows that another one has in hand, so each is done once.
"""

import asyncio
import logging
import random
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, TypeAlias

from tasktracker_server.core.errors import TrackerError
from tasktracker_server.service.ending import Ending
from tasktracker_server.service.ports import HistoryStore, ProgressLog, TaskStore
from tasktracker_server.service.waiting import WaitingRoom

Chore: TypeAlias = tuple[Callable[[], Coroutine[Any, Any, None]], float]
"""What to do, and every how many seconds."""

log = logging.getLogger(__name__)

_BATCH = 500
_DEBT_SECONDS = 1.0
_JANITOR_SECONDS = 5.0
_UNCHECKED_SECONDS = 30.0
"""A live log that nobody looked at for so long is compared with its task."""


class Sweeper:
    """Runs the recurring work until it is closed."""

    def __init__(
        self,
        store: TaskStore,
        histories: HistoryStore,
        live: ProgressLog,
        ending: Ending,
        room: WaitingRoom,
        *,
        sweep_seconds: float,
        also: Sequence[Chore] = (),
    ) -> None:
        """``also`` is the recurring work of other rooms."""
        self._store = store
        self._histories = histories
        self._live = live
        self._ending = ending
        self._room = room
        self._chores: list[Chore] = [
            *also,
            (self.promote, sweep_seconds),
            (self.pay_debts, _DEBT_SECONDS),
            (self.check_live_logs, _JANITOR_SECONDS),
        ]
        self._running: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Begin."""
        for work, seconds in self._chores:
            self._running.append(asyncio.create_task(_repeat(work, seconds), name=f"sweeper-{work.__name__}"))

    async def aclose(self) -> None:
        """Stop, and wait for what is under way to be given up."""
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)

    async def promote(self) -> None:
        """Put tasks whose ``runAt`` has come into the queue."""
        more = True
        while more:
            due = await self._store.promote(_BATCH)
            self._room.became_claimable(due)
            more = len(due) == _BATCH

    async def pay_debts(self) -> None:
        """Close the live logs of tasks that ended while Redis was away."""
        if owing := await self._histories.debts(_BATCH):
            await self._ending.help(owing)

    async def check_live_logs(self) -> None:
        """Close live logs whose enders died, and forget those of tasks that are gone."""
        while task_ids := await self._live.unchecked(_UNCHECKED_SECONDS, _BATCH):
            await self._check(task_ids)
            if len(task_ids) < _BATCH:
                return

    async def _check(self, task_ids: Sequence[str]) -> None:
        await self._live.mark_checked(task_ids)
        await self._ending.help(task_ids)


async def _repeat(work: Callable[[], Coroutine[Any, Any, None]], seconds: float) -> None:
    """Do something over and over; a store that is away is no reason to stop."""
    while True:
        await asyncio.sleep(seconds * random.uniform(0.8, 1.2))  # noqa: S311 - processes drift apart
        try:
            await work()
        except TrackerError as error:
            log.debug("%s is put off: %s", work, error, extra={"action": "sweep_put_off"})
        except Exception:
            log.exception("%s failed", work, extra={"action": "sweep_failed"})
