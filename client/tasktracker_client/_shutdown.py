"""SIGTERM and SIGINT while a pool runs: stop claiming, give what runs its time, then take it back."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, Final

from tasktracker_client._logging import logger

SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)


_UNINTERRUPTED_SECONDS: Final = 2


class ShutDown(BaseException):
    """Raised in a job that was still at it when its time was over; its block releases it."""


class _Unparked(BaseException):
    """Raised in a claim that waits when the pool is to stop."""


class Shutdown:
    """What the signals of one pool do, in the main thread.

    The first signal stops: a claim that waits is given up at once, a job gets ``grace_seconds``. When they
    are over, or at a second signal, ``ShutDown`` is raised in the main thread.
    """

    def __init__(self, grace_seconds: float, *, raises: bool) -> None:
        self._grace_seconds = grace_seconds
        self._raises = raises
        self._is_parked = False
        self._is_over = False
        self._is_handling = False
        self._timer: threading.Timer | None = None
        self.stopped = threading.Event()
        """Set by the first signal."""
        self.over = threading.Event()
        """Set by the second, or when the time is over."""

    @contextmanager
    def handling(self, signals: tuple[signal.Signals, ...] = SIGNALS) -> Iterator[None]:
        """Handle the signals in this block; outside the main thread, where nobody can, leave them."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {each: signal.signal(each, self._on_signal) for each in signals}
        self._is_handling = True
        try:
            yield
        finally:
            self._is_over = True
            if self._timer is not None:
                self._timer.cancel()
            for each, handler in before.items():
                signal.signal(each, handler)

    def wait_seconds(self, wanted: int) -> int:
        """How long a claim may wait: where no signal can interrupt it, not long."""
        return wanted if self._is_handling else min(wanted, _UNINTERRUPTED_SECONDS)

    def parked(self, claim: Callable[[], Any]) -> Any:
        """Claim, unless or until it is time to stop; ``None`` then."""
        try:
            self._is_parked = True
            if self.stopped.is_set():
                return None
            claimed = claim()
            self._is_parked = False
            return claimed
        except _Unparked:
            return None
        finally:
            self._is_parked = False

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        if self._is_over:
            return
        if self.stopped.is_set():
            self._end_grace()
            return
        self.stopped.set()
        name = signal.Signals(number).name
        logger.info("%s: no new claims; jobs have %g s to end", name, self._grace_seconds)
        self._timer = threading.Timer(self._grace_seconds, self._wake_main)
        self._timer.daemon = True
        self._timer.start()
        if self._is_parked:
            self._is_parked = False
            raise _Unparked

    def _wake_main(self) -> None:
        """As a second signal would: it interrupts what the main thread sleeps or waits in."""
        if not self._is_over:
            main = threading.main_thread().ident
            assert main is not None  # noqa: S101 - a running thread has one
            signal.pthread_kill(main, signal.SIGTERM)

    def _end_grace(self) -> None:
        self.over.set()
        if self._raises:
            raise ShutDown
