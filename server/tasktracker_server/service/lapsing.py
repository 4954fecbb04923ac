"""Leases that lapse: their tasks go back to the queue."""

import logging

from tasktracker_server.service.leases import Leases
from tasktracker_server.service.ports import TaskStore

log = logging.getLogger(__name__)

_BATCH = 1_000
GRACE_SECONDS = 0.5
"""A lease is judged so much late: a renewal that was on its way counts."""
PAUSE_SECONDS = 3.0
"""When nobody looked at leases for so long, nobody could renew them either: they begin anew.

That is, unless looks are further apart by a setting: see :func:`pause_seconds`.
"""


def pause_seconds(sweep_seconds: float) -> float:
    """How long nobody must have looked for it to be a pause, where somebody looks every so often."""
    return max(PAUSE_SECONDS, 3 * sweep_seconds)


class Lapsing:
    """Takes tasks back from workers that are silent."""

    def __init__(self, store: TaskStore, leases: Leases, *, pause: float) -> None:
        """``pause`` is what :func:`pause_seconds` says."""
        self._store = store
        self._leases = leases
        self._pause = pause

    async def sweep(self) -> None:
        """Take back the tasks whose leases are over."""
        more = True
        while more:
            lapses, more = await self._store.sweep_leases(_BATCH, grace=GRACE_SECONDS, pause=self._pause)
            await self._leases.taken_back(
                "lapsed", [(lapse.attempt, lapse.ready, lapse.now) for lapse in lapses]
            )
            if lapses:
                log.info("%d leases lapsed", len(lapses), extra={"action": "lapsed", "count": len(lapses)})
