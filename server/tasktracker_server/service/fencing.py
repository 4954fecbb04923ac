"""Telling live logs what PostgreSQL decided about their tasks.

Where Redis is away nothing is told: a log asks PostgreSQL by itself within 30 s.
"""

from collections.abc import Sequence
from contextlib import suppress

from tasktracker_server.core.errors import RedisUnavailable
from tasktracker_server.core.log import Fence, Note
from tasktracker_server.service.ports import ProgressLog


async def fence(live: ProgressLog, fences: Sequence[Fence]) -> None:
    """Keep older attempts from reporting."""
    if fences:
        with suppress(RedisUnavailable):
            await live.fence(fences)


async def note(live: ProgressLog, notes: Sequence[Note]) -> None:
    """Tell of a cancel, or of another length of a lease."""
    if notes:
        with suppress(RedisUnavailable):
            await live.note(notes)
