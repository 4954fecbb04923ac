"""Tells those who look on how tasks change: sent together, in the background, at most once."""

import asyncio
import logging

from tasktracker_server.core import frames
from tasktracker_server.core.changes import CUT, Change, head_of, message_of
from tasktracker_server.core.channels import CHANGES, Channel, of_task
from tasktracker_server.core.errors import TrackerError
from tasktracker_server.service.ports import ProgressLog

log = logging.getLogger(__name__)

_WAITING_MAX = 20_000
_MESSAGE_CHANGES = 500
_SOON_SECONDS = 0.02
"""New tasks are told so much later, together: a message for each batch would make registering dearer."""
_RETRY_SECONDS = 1.0
_CLOSE_SECONDS = 1.0


class Announcer:
    """Publishes changes that are not the end (an end is told by whoever closes the task's log).

    To the task's own channel goes what its streams tell; to the channel of changes all of it, many in one
    message. Nothing is sent twice: where something could not be sent, listeners to all changes are told so.
    """

    def __init__(self, live: ProgressLog) -> None:
        self._live = live
        self._to_tasks: list[tuple[Channel, bytes]] = []
        self._to_all: list[bytes] = []
        self._has_missed = False
        self._sending: asyncio.Task[None] | None = None
        self._soon: asyncio.TimerHandle | None = None

    def created(self, task_id: str, task_type: str, timestamp: str) -> None:
        """There is a new task; nobody can have followed it before."""
        self._add(Change(task_id, task_type, "pending", "created", None, 0, timestamp))
        if self._sending is None and self._soon is None:
            self._soon = asyncio.get_running_loop().call_later(_SOON_SECONDS, self._begin)

    def changed(self, change: Change) -> None:
        """A task changed its state, but did not end."""
        envelope = self._add(change)
        if len(self._to_tasks) < _WAITING_MAX:
            self._to_tasks.append((of_task(change.task_id), b"L%b\n%b" % (change.step.text, envelope)))
        self._begin()

    def missed(self) -> None:
        """Something will never be told."""
        self._has_missed = True
        self._begin()

    def _add(self, change: Change) -> bytes:
        envelope = frames.lifecycle_envelope(change)
        if len(self._to_all) < _WAITING_MAX:
            self._to_all += (head_of(change.task_id, change.task_type), envelope)
        else:
            self._has_missed = True
        return envelope

    def _begin(self) -> None:
        if self._soon is not None:
            self._soon.cancel()
            self._soon = None
        if self._sending is None:
            self._sending = asyncio.create_task(self._send())

    async def _send(self) -> None:
        try:
            while self._to_all or self._to_tasks or self._has_missed:
                try:
                    await self._live.publish(self._messages())
                except TrackerError as error:
                    log.info("changes were not told: %s", error, extra={"action": "changes_untold"})
                    self._has_missed = True
                    await asyncio.sleep(_RETRY_SECONDS)
        finally:
            self._sending = None

    def _messages(self) -> list[tuple[Channel, bytes]]:
        """All that is to be sent now."""
        lines, messages = self._to_all, self._to_tasks
        self._to_all, self._to_tasks = [], []
        if self._has_missed:
            self._has_missed = False
            messages.append((CHANGES, CUT))
        step = 2 * _MESSAGE_CHANGES
        messages += ((CHANGES, message_of(lines[at : at + step])) for at in range(0, len(lines), step))
        return messages

    async def aclose(self) -> None:
        """Send what is still to be sent, if that can be done soon."""
        if self._soon is not None:
            self._begin()
        if sending := self._sending:
            await asyncio.wait([sending], timeout=_CLOSE_SECONDS)
            sending.cancel()
