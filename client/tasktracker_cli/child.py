"""A command as a child process with a process group of its own."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import IO, Any, Final

FORWARDED: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)
"""What we are told is told to the command."""


class Child:
    """The running command.

    Raises ``OSError`` where it can't be started.
    """

    def __init__(self, command: Sequence[str]) -> None:
        self._process = subprocess.Popen(  # noqa: S603 - to run it is what we are asked for
            command,
            # In a background group a read from the terminal would stop it.
            stdin=subprocess.DEVNULL if sys.stdin is None or sys.stdin.isatty() else None,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            process_group=0,
        )
        self._kill_at: float | None = None

    @property
    def stdout(self) -> IO[bytes]:
        """What it writes."""
        return _pipe(self._process.stdout)

    @property
    def stderr(self) -> IO[bytes]:
        """What it writes there."""
        return _pipe(self._process.stderr)

    @property
    def status(self) -> int | None:
        """How it ended, as ``Popen.returncode``; ``None`` while it runs."""
        return self._process.returncode

    def tell_end(self, tell: Callable[[], None]) -> None:
        """Call this, in a thread, when it has ended."""

        def wait() -> None:
            self._process.wait()
            tell()

        threading.Thread(target=wait, daemon=True).start()

    def stop(self, grace_seconds: float) -> None:
        """Ask it to end, once; ``kill_if_due`` does the rest."""
        if self._kill_at is None:
            self._kill_at = time.monotonic() + grace_seconds
            self.signal(signal.SIGTERM)

    @property
    def is_stopped(self) -> bool:
        """Whether it was asked to end."""
        return self._kill_at is not None

    @property
    def kill_at(self) -> float:
        """When its grace is over; infinity unless it was asked to end."""
        return float("inf") if self._kill_at is None else self._kill_at

    def kill_if_due(self) -> None:
        """End it, and all of its group, once its grace is over."""
        if time.monotonic() >= self.kill_at:
            self.signal(signal.SIGKILL)

    def signal(self, number: int) -> None:
        """Send a signal to it and to what it started."""
        try:
            os.killpg(self._process.pid, number)
        except ProcessLookupError:
            return
        except PermissionError:  # some systems say so of a group whose processes have all ended
            return

    @contextmanager
    def receiving_signals(self) -> Iterator[None]:
        """Forward the signals that would end us."""

        def forward(number: int, frame: FrameType | None) -> None:
            self.signal(number)

        before: dict[signal.Signals, Any] = {
            # What nohup set to be ignored stays so.
            number: signal.signal(number, forward)
            for number in FORWARDED
            if signal.getsignal(number) is not signal.SIG_IGN
        }
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def _pipe(pipe: IO[bytes] | None) -> IO[bytes]:
    if pipe is None:
        raise RuntimeError("the command was started without pipes")
    return pipe


def exit_code(status: int) -> int:
    """What a shell says: the command's own code, or 128 and the number of the signal that ended it."""
    return status if status >= 0 else 128 - status


def signal_name(status: int) -> str | None:
    """The signal that ended it, as ``SIGKILL``."""
    if status >= 0:
        return None
    try:
        return signal.Signals(-status).name
    except ValueError:
        return f"SIG{-status}"
