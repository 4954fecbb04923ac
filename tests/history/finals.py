"""What is left when all is done: the tables, what GET and track show, and the keys in Redis."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from .record import Json

TERMINAL: Final = ("completed", "failed", "timeout")


class Entry(NamedTuple):
    """One stored progress entry."""

    seq_id: int
    attempt: int
    data: Json


@dataclass
class Row:
    """A task as PostgreSQL holds it; times are seconds since 1970."""

    id: str
    task_type: str
    status: str
    attempt: int
    worker_id: str | None = None
    result: Any = None
    error: Any = None
    original_task_id: str | None = None
    retry_count: int = 0
    max_retries: int = 0
    max_attempts: int | None = None
    created_at: float = 0.0
    completed_at: float | None = None
    timeout_at: float = 0.0
    cancel_requested_at: float | None = None
    new_task_id: str | None = None
    history_upto: int = 0
    lost_to: int | None = None
    live_debt: bool = False

    @property
    def root(self) -> str:
        """The first task of its chain."""
        return self.original_task_id or self.id


@dataclass
class Shown:
    """A task as one way of reading it shows it: its state, its outcome, and its entries."""

    status: str | None
    outcome: Any
    entries: list[Json] | None
    """``None`` where they could not be read."""
    gaps: list[Json] = field(default_factory=list)
    """The ``gap`` events."""


@dataclass
class Finals:
    """The end of a run."""

    rows: dict[str, Row]
    entries: dict[str, list[Entry]]
    """Of each task that has any, as they lie in the table."""
    got: dict[str, Shown]
    tracked: dict[str, Shown]
    keys: list[str]
    """What is left in Redis of single tasks."""
    monotonic_at_epoch: float = 0.0
    """What the monotonic clock showed at the beginning of 1970, in seconds."""

    def monotonic_ns(self, seconds: float) -> int:
        """A moment of the database's clock on the callers'."""
        return int((seconds + self.monotonic_at_epoch) * 1e9)
