"""Waiting for the next task, however long the service is away. Decisions only."""

import math
import time
from collections.abc import Callable
from typing import Final

import httpx

from tasktracker_client._calling import api
from tasktracker_client._calling.calls import Call, Flow, Sleep
from tasktracker_client._calling.retrying import AWAY, perform
from tasktracker_client._config import Retries
from tasktracker_client._errors import ApiError, TaskTrackerError
from tasktracker_client._logging import logger
from tasktracker_client._refs import Hold
from tasktracker_client._working.keeping import ONCE
from tasktracker_schema.answers import Task

_PAUSES: Final = Retries(first_seconds=0.2, longest_seconds=10.0)


class Claims:
    """Claims for one worker, one after another; each has a name, for asking again after a lost answer."""

    def __init__(
        self,
        task_types: tuple[str, ...],
        worker_id: str,
        lease_seconds: int,
        *,
        away_seconds: float = math.inf,
    ) -> None:
        """``away_seconds``: how long a service that does not answer is asked again."""
        self._task_types = task_types
        self._worker_id = worker_id
        self._lease_seconds = lease_seconds
        self._away_seconds = away_seconds
        self._claim_id: str | None = None
        """Of a claim whose task, if it got one, is in nobody's hands yet."""

    def claim(self, wait_seconds: int, is_stopped: Callable[[], bool]) -> Flow[Task | None]:
        """The next task, or ``None`` when there is none in the time given or the worker is to stop.

        While the service is away it is asked again and again, under the same name as long as an answer may
        have been lost. What asking again does not change (a key, a name) is raised. Say ``taken`` when the
        task is in good hands.
        """
        failures, began = 0, time.monotonic()
        while not is_stopped():
            try:
                task = yield from perform(self._call(wait_seconds), ONCE)
            except AWAY as error:
                if time.monotonic() - began > self._away_seconds:
                    raise
                failures += 1
                pause = _PAUSES.pause(failures, getattr(error, "retry_after", None))
                _tell(error, failures)
                yield Sleep(pause)
                continue
            except ApiError:
                self._claim_id = None
                raise
            if failures:
                logger.info("the service is back")
            if task is None:
                self._claim_id = None
            return task
        return None

    def taken(self) -> None:
        """The task of the last claim is held: the next claim is another one."""
        self._claim_id = None

    def give_back(self) -> Flow[None]:
        """Release what a claim that was interrupted may have got; it asks once more under the same name."""
        if self._claim_id is None:
            return
        try:
            task = yield from perform(self._call(0), ONCE)
            if task is not None:
                yield from perform(api.release(Hold(task.id, self._worker_id, task.attempt)), ONCE)
        except TaskTrackerError as error:
            logger.warning("if an interrupted claim got a task, its lease lapses: %s", error)
        self._claim_id = None

    def _call(self, wait_seconds: int) -> Call[Task | None]:
        self._claim_id = self._claim_id or api.new_id()
        return api.claim(
            self._task_types,
            self._worker_id,
            wait_seconds=wait_seconds,
            lease_seconds=self._lease_seconds,
            claim_id=self._claim_id,
        )


def _tell(error: TaskTrackerError, failures: int) -> None:
    if failures == 1 and not isinstance(error.__cause__, httpx.RemoteProtocolError):
        logger.warning("no claim: %s; asking again until the service is back", error)
