"""Closes what nobody closed: live logs of tasks that ended while Redis was away, or whose enders died."""

from collections.abc import Sequence

from tasktracker_server.service.ending import Ending
from tasktracker_server.service.ports import HistoryStore, ProgressLog

_BATCH = 500
_UNCHECKED_SECONDS = 30.0
"""A live log that nobody looked at for so long is compared with its task."""


class Janitor:
    """Cleans up after enders."""

    def __init__(self, histories: HistoryStore, live: ProgressLog, ending: Ending) -> None:
        self._histories = histories
        self._live = live
        self._ending = ending

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
