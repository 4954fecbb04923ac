"""Where things are told: each channel is heard by those processes only that have somebody to tell."""

from typing import Final, Literal, NamedTuple


class Channel(NamedTuple):
    """One channel."""

    kind: Literal["task", "changes", "entries"]
    name: str = ""


CHANGES: Final = Channel("changes")
"""How tasks change their state, all of them, the ends included."""


def of_task(task_id: str) -> Channel:
    """All that is told of one task."""
    return Channel("task", task_id)


def entries_of(task_type: str) -> Channel:
    """Progress of all tasks of one type."""
    return Channel("entries", task_type)
