"""What the store is asked and answers about many tasks at once: pages, figures, and what is too old."""

from dataclasses import dataclass
from typing import NamedTuple

from tasktracker_server.core.records import TaskRecord


class Place(NamedTuple):
    """A task's place in a list: newest first is largest first."""

    place: int
    """When it was created, in milliseconds since 1970; in a chain, how many retries came before it."""
    within: int
    """Tells those of one moment apart."""


@dataclass(frozen=True, slots=True)
class Listing:
    """Which tasks to list, and from where on."""

    statuses: tuple[str, ...]
    task_type: str | None
    worker_id: str | None
    root: str | None
    """Only this chain."""
    after: int
    """Created at this time or later, in milliseconds since 1970."""
    until: int
    """Created before this time."""
    before: Place
    """Only what comes after this place in the list."""
    limit: int
    full: bool
    """With the values that may be large."""


class Listed(NamedTuple):
    """A page of tasks, each with the latest of its stored entries, if that was easily found."""

    tasks: list[TaskRecord]
    next: Place | None
    """Where the rest begins; ``None`` where there is none."""


class TypeFigures(NamedTuple):
    """Figures of one task type, or of all."""

    task_type: str | None
    """``None``: of all types together."""
    pending: int
    in_progress: int
    oldest_pending_seconds: float | None
    registered: int
    completed: int
    failed: int
    timeout: int


class Kept(NamedTuple):
    """An ended task that retention looked at."""

    id: str
    ord: int
    history_bytes: int
    place: Place
    expired: bool
    """It may be deleted."""
