"""SIGTERM and SIGINT while a pool runs: stop claiming, give what runs its time, then take it back."""

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from queue import Empty, SimpleQueue
from types import FrameType
from typing import Any, Final

from tasktracker_client._logging import logger
from tasktracker_client._pools.signals import SIGNALS, borrowed, in_main_thread

_UNINTERRUPTED_SECONDS: Final = 2
_SAME_MOMENT_SECONDS: Final = 0.2


class ShutDown(BaseException):
    """Raised in a job that was still at it when its time was over; its block releases it."""


class _Unparked(BaseException):
    """Raised in a claim that waits when the pool is to stop."""


class Shutdown:
    """What the signals of one pool do, in the main thread.

    The first signal stops: a claim that waits is given up at once, a job gets ``grace_seconds``. When they
    are over, or at a second signal, ``ShutDown`` is raised in the main thread; once, so that nothing
    interrupts the releases it leads to.

    The handler takes no lock, starts no thread and logs nothing: it may have interrupted whoever is just
    doing that. A thread that was there before does it.
    """

    def __init__(self, grace_seconds: float, *, raises: bool) -> None:
        self._grace_seconds = grace_seconds
        self._raises = raises
        self._is_parked = False
        self._is_handling = False
        self._is_asked = False
        self._stopped_at = 0.0
        self._is_grace_over = False
        self._handled = threading.RLock()
        self._signalled: SimpleQueue[str | None] = SimpleQueue()
        self.is_stopped = False
        """From the first signal on."""
        self.is_over = False
        """From the second one on, or when the time is over."""

    @contextmanager
    def handling(self, signals: tuple[signal.Signals, ...] = SIGNALS) -> Iterator[None]:
        """Handle the signals in this block; outside the main thread, where nobody can, leave them."""
        if not in_main_thread():
            yield
            return
        timer = threading.Thread(target=self._time, name="tasktracker-shutdown", daemon=True)
        timer.start()
        with borrowed(signals):
            try:
                for each in signals:
                    signal.signal(each, self._on_signal)
                self._is_handling = True
                yield
            finally:
                self.is_stopped = self.is_over = True  # from here on a signal changes nothing
                with self._handled:  # one that `stop` sends comes before the handlers are put back
                    self._is_handling = False
                self._signalled.put(None)
                timer.join()

    def stop(self) -> None:
        """Do what the first signal does, from any thread; later ones change nothing."""
        main = threading.main_thread().ident
        with self._handled:
            if self.is_stopped or self._is_asked:
                return
            self._is_asked = True  # the handler may take its time: a second signal would end the grace
            if self._is_handling and main is not None:
                signal.pthread_kill(main, signal.SIGTERM)  # interrupts a claim that waits
                return
            self.is_stopped = True
        logger.info("no new claims; jobs have %g s to end", self._grace_seconds)
        grace = threading.Timer(self._grace_seconds, self._end_grace)
        grace.daemon = True
        grace.start()

    def _end_grace(self) -> None:
        self.is_over = True

    def wait_seconds(self, wanted: int) -> int:
        """How long a claim may wait: where no signal can interrupt it, not long."""
        return wanted if self._is_handling else min(wanted, _UNINTERRUPTED_SECONDS)

    def parked(self, claim: Callable[[], Any]) -> Any:
        """Claim, unless or until it is time to stop; ``None`` then."""
        try:
            try:
                self._is_parked = True
                return None if self.is_stopped else claim()
            finally:
                self._is_parked = False
        except _Unparked:  # of the claim, or of the last moment of its block
            return None

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        if self.is_over:
            return
        if self.is_stopped:
            is_same_moment = time.monotonic() < self._stopped_at + _SAME_MOMENT_SECONDS
            if self._is_asked and is_same_moment and not self._is_grace_over:
                return  # one of the two is that of `stop`
            self.is_over = True
            if self._raises:
                raise ShutDown
            return
        self._stopped_at = time.monotonic()
        self.is_stopped = True
        self._signalled.put(signal.Signals(number).name)
        if self._is_parked:
            self._is_parked = False
            raise _Unparked

    def _time(self) -> None:
        """Wait for the first signal, then for the end of the grace, which is as a second signal."""
        name = self._signalled.get()
        if name is None:
            return
        logger.info("%s: no new claims; jobs have %g s to end", name, self._grace_seconds)
        try:
            self._signalled.get(timeout=self._grace_seconds)
        except Empty:
            main = threading.main_thread().ident
            self._is_grace_over = True
            if main is not None and not self.is_over:
                # A signal interrupts what the main thread sleeps or waits in.
                signal.pthread_kill(main, signal.SIGTERM)
