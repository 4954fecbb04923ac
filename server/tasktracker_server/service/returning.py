"""Putting back what was claimed for callers who are gone."""

import asyncio
import logging
from collections.abc import Sequence
from typing import Final

from tasktracker_schema.answers import Task, TaskRow
from tasktracker_server.core.errors import TrackerError
from tasktracker_server.core.leases import Release, ReleaseOutcome
from tasktracker_server.service.leases import Leases
from tasktracker_server.service.ports import TaskStore

log = logging.getLogger(__name__)

_PAUSES: Final = (0.1, 0.2, 0.5, 1, 2, 5, 5, 5, 5, 5)
"""Seconds between tries while the database is away."""
_CLOSE_SECONDS: Final = 3.0


class Returns:
    """Gives tasks back in the background, and does not give up easily: without a lease nobody else would."""

    def __init__(self, store: TaskStore, leases: Leases) -> None:
        self._store = store
        self._leases = leases
        self._returning: set[asyncio.Task[None]] = set()

    def give_back(self, tasks: Sequence[Task | TaskRow]) -> asyncio.Task[None]:
        """Begin; what is returned ends when the tasks can be claimed again, or are somebody else's."""
        releases = [Release(task.id, task.worker_id, task.attempt, untouched=True) for task in tasks]
        returning = asyncio.create_task(self._give_back(releases), name="give-back")
        self._returning.add(returning)
        returning.add_done_callback(self._returning.discard)
        return returning

    async def aclose(self) -> None:
        """Wait a little for what is under way."""
        if self._returning:
            await asyncio.wait(self._returning, timeout=_CLOSE_SECONDS)

    async def _give_back(self, releases: Sequence[Release]) -> None:
        for pause in (*_PAUSES, None):
            try:
                outcomes = await self._store.release(releases)
                await self._leases.after_release([one for one in outcomes if isinstance(one, ReleaseOutcome)])
                releases = [
                    release
                    for release, outcome in zip(releases, outcomes, strict=True)
                    if isinstance(outcome, TrackerError)
                ]
            except TrackerError as error:
                log.debug("giving back is put off: %s", error, extra={"action": "give_back_put_off"})
            if not releases:
                return
            if pause is not None:
                await asyncio.sleep(pause)
        log.warning(
            "%d tasks could not be given back and wait for their leases: %s",
            len(releases),
            ", ".join(release.id for release in releases[:10]),
            extra={"action": "give_back_failed", "count": len(releases)},
        )
