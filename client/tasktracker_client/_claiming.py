"""Waiting for the next task, however long the service is away. Decisions only."""

from collections.abc import Callable
from typing import Final

import httpx

from tasktracker_client import _api as api
from tasktracker_client._calls import Flow, Sleep
from tasktracker_client._config import Retries
from tasktracker_client._errors import TaskTrackerError
from tasktracker_client._keeping import AWAY, ONCE
from tasktracker_client._logging import logger
from tasktracker_client._retrying import perform
from tasktracker_schema.answers import Task

_PAUSES: Final = Retries(first_seconds=0.2, longest_seconds=10.0)


class Claims:
    """Claims for one worker, one after another; each has a name, for asking again after a lost answer."""

    def __init__(self, task_types: tuple[str, ...], worker_id: str, lease_seconds: int) -> None:
        self._task_types = task_types
        self._worker_id = worker_id
        self._lease_seconds = lease_seconds
        self._claim_id: str | None = None

    def claim(self, wait_seconds: int, is_stopped: Callable[[], bool]) -> Flow[Task | None]:
        """The next task, or ``None`` when there is none in the time given or the worker is to stop.

        While the service is away it is asked again and again, under the same name as long as an answer may
        have been lost. What asking again does not change (a key, a name) is raised.
        """
        failures = 0
        while not is_stopped():
            self._claim_id = self._claim_id or api.new_id()
            call = api.claim(
                self._task_types,
                self._worker_id,
                wait_seconds=wait_seconds,
                lease_seconds=self._lease_seconds,
                claim_id=self._claim_id,
            )
            try:
                task = yield from perform(call, ONCE)
            except AWAY as error:
                failures += 1
                pause = _PAUSES.pause(failures, getattr(error, "retry_after", None))
                _tell(error, failures)
                yield Sleep(pause)
                continue
            if failures:
                logger.info("the service is back")
            self._claim_id = None
            return task
        return None


def _tell(error: TaskTrackerError, failures: int) -> None:
    if failures == 1 and not isinstance(error.__cause__, httpx.RemoteProtocolError):
        logger.warning("no claim: %s; asking again until the service is back", error)
