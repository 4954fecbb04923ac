"""A bounded number of places for callers who stay."""

from tasktracker_server.core.errors import Overloaded


class Places:
    """Whoever finds all places taken is told to come again later."""

    def __init__(self, number: int, kept_for: str) -> None:
        self._free = number
        self._refusal = f"All {number:,} places for {kept_for} are taken; try again in a moment."

    def take(self) -> None:
        """Take a place; give it back afterwards.

        Raises:
            Overloaded
        """
        if self._free <= 0:
            raise Overloaded(self._refusal)
        self._free -= 1

    def give_back(self) -> None:
        """Somebody leaves."""
        self._free += 1
