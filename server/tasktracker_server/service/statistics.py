"""Figures of all tasks: how many are active now, and what happened in the last hour.

What happened is counted from the tasks themselves, a slice of ten seconds at a time and shortly after it
is over, so nothing is lost with a process and no write pays for it.
"""

import asyncio
import time

from tasktracker_schema import limits
from tasktracker_schema.answers import ActiveCounts, HourCounts, Stats, TypeStats
from tasktracker_server.core.lists import TypeFigures
from tasktracker_server.service.ports import FigureStore

_FRESH_SECONDS = 1.0
_COST_FACTOR = 10
"""Figures that took long are kept so many times as long: asking costs at most a tenth of a connection."""


class Statistics:
    """Figures, read once for all who ask at the same time."""

    def __init__(self, store: FigureStore) -> None:
        self._store = store
        self._reading: asyncio.Task[Stats] | None = None
        self._fresh_until = 0.0

    async def now(self) -> Stats:
        """Figures that are a second old at most, unless reading them takes longer than a tenth of that."""
        if self._reading is None or (self._reading.done() and time.monotonic() >= self._fresh_until):
            self._fresh_until = 0.0
            self._reading = asyncio.create_task(self._read(), name="statistics")
        return await asyncio.shield(self._reading)

    async def _read(self) -> Stats:
        began = time.monotonic()
        total, *types = await self._store.figures(limits.STATS_TYPES)
        ended = time.monotonic()
        self._fresh_until = ended + max(_FRESH_SECONDS, _COST_FACTOR * (ended - began))
        return Stats(
            _active(total), total.oldest_pending_seconds, _hour(total), [_of_type(found) for found in types]
        )

    async def count(self) -> None:
        """Count what happened lately."""
        while await self._store.count():
            pass


def _of_type(found: TypeFigures) -> TypeStats:
    return TypeStats(found.task_type or "", _active(found), found.oldest_pending_seconds, _hour(found))


def _active(found: TypeFigures) -> ActiveCounts:
    return ActiveCounts(found.pending, found.in_progress)


def _hour(found: TypeFigures) -> HourCounts:
    return HourCounts(found.registered, found.completed, found.failed, found.timeout)
