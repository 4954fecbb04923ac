"""Ctrl-C at any time, without leaving anything behind."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final

SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupts:
    """Turns the first signal to stop into ``KeyboardInterrupt``; later ones don't disturb the stopping."""

    def __init__(self) -> None:
        self._held = False
        self._came = False

    @contextmanager
    def caught(self) -> Iterator[None]:
        """Handle the signals while this lasts."""
        before = {number: signal.signal(number, self._handle) for number in SIGNALS}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Let a start that must not be cut in two come to its end first, even to a bad one."""
        self._held = True
        try:
            yield
        except Exception:
            # What it started may have got the terminal's Ctrl-C too, and failed of it.
            if self._came:
                raise KeyboardInterrupt from None
            raise
        finally:
            self._held = False
        if self._came:
            raise KeyboardInterrupt

    def _handle(self, _number: int, _frame: FrameType | None) -> None:
        first, self._came = not self._came, True
        if first and not self._held:
            raise KeyboardInterrupt
