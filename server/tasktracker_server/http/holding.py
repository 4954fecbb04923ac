"""How many bytes of request bodies are held at a time."""

from typing import Final

from tasktracker_server.core.errors import Overloaded

SMALL: Final = 16 * 1024
"""A body up to this size is not counted: what all connections may have of them is little."""


class BodyRoom:
    """Room for the bodies of all connections, from their first byte until their call is answered.

    A body takes its room by its declared length, before it is read in; one of unknown length as it grows.
    """

    def __init__(self, limit: int) -> None:
        """``limit`` is in bytes; a body that is larger by itself is held alone."""
        self._limit = limit
        self.held = 0

    def take(self, size: int) -> None:
        """Take room for so many bytes.

        Raises:
            Overloaded
        """
        if self.held and self.held + size > self._limit:
            raise Overloaded("The service holds as many large bodies as it can; send this again in a moment.")
        self.held += size

    def leave(self, size: int) -> None:
        """Give room back."""
        self.held -= size
