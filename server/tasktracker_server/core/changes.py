"""How tasks change, as it is told to those who look on: single changes, and many of them in one message."""

from collections.abc import Iterator
from typing import Final, NamedTuple

from tasktracker_schema.events import LifecycleReason

CUT: Final = b"cut"
"""In place of changes that could not be told: whoever listens has missed something."""


class Step(NamedTuple):
    """A place in a task's life before its end; later ones are greater, whatever the clocks say."""

    attempt: int
    within: int
    """Taken, asked to cancel, given back: each attempt goes through them in this order."""

    @classmethod
    def read(cls, text: bytes) -> "Step":
        """Read one from its text."""
        attempt, _, within = text.partition(b".")
        return cls(int(attempt), int(within))

    @property
    def text(self) -> bytes:
        """As messages tell it."""
        return b"%d.%d" % self


class Change(NamedTuple):
    """A change of a task's state that is not its end."""

    task_id: str
    task_type: str
    status: str
    reason: LifecycleReason
    worker_id: str | None
    attempt: int
    timestamp: str
    cancel_requested: bool = False

    @property
    def step(self) -> Step:
        """Where in the task's life this leads to."""
        return Step(self.attempt, 3 if self.status == "pending" else 1 + self.cancel_requested)


class Told(NamedTuple):
    """A change as it was told: whose, and its event."""

    task_id: str
    task_type: str
    envelope: bytes


def head_of(task_id: str, task_type: str) -> bytes:
    """Who a message is about. Ids hold no ``|``, and neither holds a line break."""
    return f"{task_id}|{task_type}".encode()


def read_head(head: bytes) -> tuple[str, str]:
    """The task and its type."""
    task_id, _, task_type = head.decode().partition("|")
    return task_id, task_type


def message_of(told: list[bytes]) -> bytes:
    """Changes as one message: of each its head, and its event on a line of its own."""
    return b"\n".join(told)


def read_message(message: bytes) -> Iterator[Told]:
    """The changes in a message."""
    lines = iter(message.split(b"\n"))
    for head, envelope in zip(lines, lines, strict=True):
        yield Told(*read_head(head), envelope)
