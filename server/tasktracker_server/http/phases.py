"""What a connection is doing."""

from enum import IntEnum


class Phase(IntEnum):
    """Where an exchange stands."""

    WAITING = 0
    """For a request: its headers are not all there."""
    READING = 1
    ANSWERING = 2
    STREAMING = 3
    DONE = 4
    """The answer is with the connection."""
