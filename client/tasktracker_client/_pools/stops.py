"""Stopping a pool from elsewhere in its program."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager


class Stops:
    """How each run that is under way is stopped; threads may share it."""

    def __init__(self) -> None:
        self._stops: list[Callable[[], object]] = []

    @contextmanager
    def by(self, stop: Callable[[], object]) -> Iterator[None]:
        """In this block a run is under way that ``stop`` stops."""
        self._stops.append(stop)
        try:
            yield
        finally:
            self._stops.remove(stop)

    def stop(self) -> None:
        """Stop all that are under way."""
        for stop in list(self._stops):
            stop()
