"""Who uses a store: any number of processes, the first of which starts it and the last stops it.

A user holds the store's locks (shared) as long as it lives, and takes the directory's change lock to
start or stop anything. A user that is killed lets go of all of them; a store it leaves behind is
found by the next user, or ended by its keeper.
"""

import logging
import os
import threading
from types import TracebackType
from typing import Final, Self

from tasktracker_server.embedded import locks
from tasktracker_server.embedded.errors import EmbeddedError
from tasktracker_server.embedded.store import Store

_logger = logging.getLogger(__name__)

WATCH_SECONDS: Final = 1.0


class Share:
    """One use of one store, for the length of a ``with`` block.

    While it lasts, a store that was killed is started again.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._held: list[int] = []
        self._ended = threading.Event()
        self._watcher = threading.Thread(target=self._watch, name=f"embedded-{store.name}", daemon=True)

    def __enter__(self) -> Self:
        try:
            with locks.alone(self._store.change):
                self._held = [locks.hold(lock, shared=True) for lock in (self._store.users, self._store.life)]
                self._store.ensure()
        except BaseException:
            self._leave()
            raise
        self._watcher.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._watcher.join()
        self._leave()

    def _leave(self) -> None:
        """Let go, and stop the store if nobody else holds it."""
        try:
            with locks.alone(self._store.change):
                if self._held:
                    os.close(self._held.pop(0))
                if not locks.is_held(self._store.users):
                    self._store.stop()
        finally:
            while self._held:
                os.close(self._held.pop(0))

    def _watch(self) -> None:
        while not self._ended.wait(WATCH_SECONDS):
            if self._store.is_running():
                continue
            name, action = self._store.name, {"action": "embedded_lost"}
            _logger.warning("embedded %s is gone; starting it again", name, extra=action)
            try:
                with locks.alone(self._store.change):
                    self._store.ensure()
            except (EmbeddedError, OSError):
                _logger.exception("embedded %s could not be started again", name, extra=action)
