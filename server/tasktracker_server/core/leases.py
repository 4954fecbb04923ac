"""What the store is asked and answers about tasks in the hands of workers: kept, given back, taken back."""

from typing import NamedTuple

from msgspec import Struct

from tasktracker_server.core.ends import TaskState


class Release(Struct):
    """A task handed back."""

    id: str
    worker_id: str | None
    attempt: int | None
    untouched: bool = False
    """Only if nothing changed since it was taken: a repeat of the claim may have told somebody of it."""


class ReleaseOutcome(NamedTuple):
    """The state a task was found in, and what release made of it."""

    id: str
    status: str
    attempt: int
    worker_id: str | None
    released_by: str | None
    """Who released its latest attempt before this call; empty where that was not said."""
    released_to: str
    """The status that led to."""
    ready: bool
    """It can be claimed now."""
    now: TaskState | None
    """Back to ``pending``; or ``failed``, where it had been cancelled; ``None`` where release was refused."""


class Beat(Struct):
    """A sign of life from the worker of a task."""

    id: str
    worker_id: str | None
    attempt: int | None
    lease_seconds: int | None = None
    """Another length for the lease."""
    age: float | None = None
    """Seconds since it was given, where it is told later."""


class BeatOutcome(NamedTuple):
    """The state a task was found in, and its lease now."""

    id: str
    status: str
    attempt: int
    worker_id: str | None
    accepted: bool
    timeout_at: str
    lease_expires_at: str | None
    cancel_requested: bool
    lease_seconds: int | None
    lease_changed: bool
    """The length of the lease is another one than before."""


class Due(NamedTuple):
    """What there is to do by itself right now."""

    timeouts: bool
    leases: bool
    promotions: bool
    debts: bool


class Lapse(NamedTuple):
    """A task taken back from its worker: to the queue, or to its end."""

    attempt: int
    ready: bool
    now: TaskState
