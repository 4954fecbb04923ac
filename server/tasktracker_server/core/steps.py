"""Work that is done a step at a time, for its caller to let others have their turn between two steps."""

from collections.abc import Generator
from typing import TypeAlias, TypeVar

T = TypeVar("T")

Steps: TypeAlias = Generator[None, None, T]
"""The steps, and what comes of them."""


def done(steps: Steps[T]) -> T:
    """What comes of work in steps, done in one go."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            found: T = end.value
            return found
