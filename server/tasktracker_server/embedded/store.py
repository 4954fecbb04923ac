"""What PostgreSQL and Valkey have in common as servers of a data directory.

All methods that start or stop run under the directory's change lock; see ``sharing``.
"""

import logging
import os
import shlex
import signal
import subprocess
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, ClassVar, Final

from tasktracker_server.embedded import locks, places
from tasktracker_server.embedded.accounts import Account
from tasktracker_server.embedded.errors import EmbeddedError

_logger = logging.getLogger(__name__)

START_SECONDS: Final = 120.0
"""Recovery of a large write-ahead log after a crash may take a while; ordinary starts take under one."""
ANSWER_SECONDS: Final = 10.0
STOP_SECONDS: Final = 30.0
LOG_BYTES: Final = 10 * 1024 * 1024


class Store(ABC):
    """One server on one folder below the data directory."""

    name: ClassVar[str]
    socket_name: ClassVar[str]
    stop_signals: ClassVar[tuple[signal.Signals, ...]]
    """The gentle one first; then, if it did not help, the one that ends it at once."""

    def __init__(self, data_dir: Path, account: Account, *, durable: bool) -> None:
        self.folder = data_dir / self.name
        self.log = data_dir / f"{self.name}.log"
        self.users = data_dir / f".{self.name}.users"
        """Held (shared) by every process that uses the store; whoever finds it free may stop the store."""
        self.life = data_dir / f".{self.name}.life"
        """Held (shared) by the same, until after that; tells its keeper of users that were killed."""
        self.change = data_dir / ".change"
        """Held while anything is started or stopped."""
        self.account = account
        self.durable = durable
        self._alive = data_dir / f".{self.name}.alive"
        """Held by the store's own processes, all of which inherit it."""

    @property
    @abstractmethod
    def url(self) -> str:
        """How to reach it."""

    @abstractmethod
    def prepare(self) -> list[str]:
        """Make the folder fit to start on; the command that starts the server in the foreground."""

    @abstractmethod
    def answers(self) -> bool:
        """Whether it serves requests."""

    @abstractmethod
    def greet(self) -> None:
        """Complete what a freshly started server lacks."""

    @abstractmethod
    def pid(self) -> int | None:
        """Its main process, as it wrote it down; to be trusted only while it runs."""

    @property
    def socket_dir(self) -> Path:
        """Where its socket is."""
        return places.socket_dir(self.folder, self.socket_name, self.account)

    def is_running(self) -> bool:
        """Whether any process of it is left."""
        return locks.is_held(self._alive, by_anybody=False)

    def ensure(self) -> None:
        """Let it run and answer: find it, or start it, or replace one that does not answer."""
        if self.is_running():
            _wait(ANSWER_SECONDS, lambda: self.answers() or not self.is_running())
            if self.answers():
                return
            self._tell(logging.WARNING, "embedded_replaced", "runs but does not answer; replacing it")
            self.stop()
        began = time.monotonic()
        self._spawn(self.prepare())
        _wait(START_SECONDS, lambda: self.answers() or not self.is_running())
        if not self.answers():
            self.stop()
            raise EmbeddedError(
                f"The embedded {self.name} does not start. {self.log} ends with:\n{self._tail()}"
            )
        self.greet()
        took = time.monotonic() - began
        self._tell(logging.INFO, "embedded_started", f"started in {took:.2f} s on {self.folder}")

    def stop(self) -> None:
        """Let it end and wait for that; nothing to do when it does not run."""
        for sign in self.stop_signals:
            if not self.is_running():
                break
            if (pid := self.pid()) is not None:
                with suppress(ProcessLookupError):
                    os.kill(pid, sign)
            _wait(STOP_SECONDS, lambda: not self.is_running())
        if self.is_running():
            raise EmbeddedError(f"The embedded {self.name} on {self.folder} does not end; end it by hand.")
        if self.socket_dir != self.folder:
            self._remove_short_socket_dir()
        self._tell(logging.INFO, "embedded_stopped", "stopped")

    def _spawn(self, command: list[str]) -> None:
        self._shorten_log()
        alive = locks.hold(self._alive, shared=False)
        try:
            self._detach(command, pass_fds=(alive,), cwd=self.folder, **self.account.process_options)
        finally:
            os.close(alive)
        keeper = [sys.executable, "-P", "-m", "tasktracker_server.embedded.keeper"]
        self._detach([*keeper, str(self.folder.parent), self.name], cwd="/")

    def _detach(self, command: list[str], **options: Any) -> None:
        """Start something apart from us: no child of ours, no part of our terminal's process group.

        The shell in between ends at once, so that an end is the system's to notice, and our own end is
        nothing to what was started: another process may be using it.
        """
        log = os.open(self.log, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            subprocess.run(  # noqa: S603 - the command is ours and quoted
                ("/bin/sh", "-c", f"{shlex.join(command)} &"),
                check=True,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                **options,
            )
        finally:
            os.close(log)

    def _tell(self, level: int, action: str, what: str) -> None:
        _logger.log(level, "embedded %s %s", self.name, what, extra={"action": action})

    def _shorten_log(self) -> None:
        if self.log.exists() and self.log.stat().st_size > LOG_BYTES:
            self.log.replace(self.log.with_suffix(".log.old"))

    def _tail(self) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-15:])

    def _remove_short_socket_dir(self) -> None:
        for left in self.socket_dir.iterdir():
            left.unlink()
        self.socket_dir.rmdir()


def _wait(seconds: float, condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + seconds
    pause = 0.005
    while not condition() and time.monotonic() < deadline:
        time.sleep(pause)
        pause = min(pause * 1.5, 0.2)
