"""Who uses a store: any number of processes, the first of which starts it and the last stops it.

A user holds the store's ``users`` lock (shared) as long as it lives, and takes the ``change`` lock
of the directory to start or stop anything. A user that is killed lets go of both; a store it leaves
behind is found by the next user.
"""

import logging
import os
import threading
from pathlib import Path
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
        self._change: Path = store.users.with_name(".change")
        self._held: int | None = None
        self._ended = threading.Event()
        self._watcher = threading.Thread(target=self._watch, name=f"embedded-{store.name}", daemon=True)

    def __enter__(self) -> Self:
        try:
            with locks.alone(self._change):
                self._held = locks.hold(self._store.users, shared=True)
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
        if self._held is not None:
            os.close(self._held)
        with locks.alone(self._change):
            if not locks.is_held(self._store.users):
                self._store.stop()

    def _watch(self) -> None:
        while not self._ended.wait(WATCH_SECONDS):
            if self._store.is_running():
                continue
            _logger.warning("embedded %s is gone; starting it again", self._store.name)
            try:
                with locks.alone(self._change):
                    self._store.ensure()
            except (EmbeddedError, OSError):
                _logger.exception("embedded %s could not be started again", self._store.name)
