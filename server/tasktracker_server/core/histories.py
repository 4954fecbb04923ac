"""What the store is asked and answers about the stored part of progress, and the numbers bought for it."""

from typing import NamedTuple

from msgspec import Raw, Struct


class StoredHistory(NamedTuple):
    """A task's state beside the next stored entries after some number."""

    status: str
    updated_at: str
    result: Raw | None
    error: Raw | None
    new_task_id: str | None
    worker_id: str | None
    attempt: int
    cancel_requested: bool
    history_upto: int
    lost_to: int | None
    live_debt: bool
    long_ended: bool | None
    """It ended more than two seconds ago."""
    chunks: list[str]


class Holder(NamedTuple):
    """Who holds a task, and the numbers bought for it."""

    id: str
    status: str
    attempt: int
    worker_id: str | None
    cancelled: bool
    seed_start: int
    seq_limit: int
    history_upto: int
    history_bytes: int
    ord: int
    lease_seconds: int | None
    task_type: str


class SeedRequest(Struct):
    """A look at a task under a ticket of its live log."""

    id: str
    ticket: str


class Archive(Struct):
    """Entries to append to a stored history, if that still ends at ``expected``."""

    id: str
    expected: int
    first_seq: int | None = None
    last_seq: int | None = None
    entries: str | None = None
    drains: bool = False
    """Only while the task runs: its log is to be seeded anew."""
    settles: bool = False
    """Nothing is left in the live log: the task owes it nothing more."""
    lost: bool = False
    """With ``settles``: what is not stored of the numbers given may be missing."""
    if_owed: bool = True
    """``lost`` counts only while the task still owes its live log."""


class Archived(NamedTuple):
    """A stored history that grew, or was found to be whole."""

    id: str
    history_upto: int
    paid: bool
    """It was this call that settled what the task owed its live log."""
