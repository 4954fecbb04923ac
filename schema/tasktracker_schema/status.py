"""The states of a task."""

from typing import Final, Literal, TypeAlias

TaskStatus: TypeAlias = Literal["pending", "in_progress", "completed", "failed", "timeout"]
"""pending → in_progress → completed | failed | timeout; nothing leaves the last three."""

FinalStatus: TypeAlias = Literal["completed", "failed", "timeout"]

ACTIVE: Final[frozenset[str]] = frozenset({"pending", "in_progress"})
TERMINAL: Final[frozenset[str]] = frozenset({"completed", "failed", "timeout"})


def is_terminal(status: str) -> bool:
    """Whether a task in this state has ended for good."""
    return status in TERMINAL
