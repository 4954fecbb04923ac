"""Telling a worker to stop, from any thread and from a signal's handler."""

from contextlib import suppress
from queue import Empty, SimpleQueue


class Stop:
    """Whether to claim no more, and pauses that end when that is said."""

    def __init__(self) -> None:
        self._is_set = False
        # Written in C: an interrupt in a pause can't leave it locked, as it may an event.
        self._told: SimpleQueue[None] = SimpleQueue()

    def is_set(self) -> bool:
        """Whether it was said."""
        return self._is_set

    def set(self) -> None:
        """Claim no more."""
        self._is_set = True
        self._told.put(None)

    def sleep(self, seconds: float) -> None:
        """Pause for so long, or until it is set."""
        with suppress(Empty):
            self._told.get(timeout=max(0.0, seconds))
            self._told.put(None)  # for others that pause
