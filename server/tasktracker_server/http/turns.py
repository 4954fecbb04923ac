"""Long work in short turns of the event loop, so that everybody else is served meanwhile."""

import asyncio
from typing import Final, TypeVar

from tasktracker_server.core.steps import Steps

T = TypeVar("T")

_TURN_SECONDS: Final = 0.01


class Turns:
    """Does work in steps; what is under way at the same time shares the length of one turn."""

    def __init__(self) -> None:
        self.taken = 0
        """Turns that were given up for others so far."""
        self._running = 0

    async def run(self, steps: Steps[T]) -> T:
        """Take all steps, and return what comes of them."""
        time = asyncio.get_running_loop().time
        self._running += 1
        until = time() + _TURN_SECONDS / self._running
        try:
            while True:
                next(steps)
                if time() > until:
                    self.taken += 1
                    await asyncio.sleep(0)
                    until = time() + _TURN_SECONDS / self._running
        except StopIteration as end:
            result: T = end.value
            return result
        finally:
            self._running -= 1
