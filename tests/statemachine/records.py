"""What the model keeps of a task, and how callers see it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from .calls import Event, Json
from .matching import SOME_TIME, Id, Time

TERMINAL = {"completed", "failed", "timeout"}


class Caller(NamedTuple):
    """As whom a call is made; what is left out is not checked."""

    worker: str | None = None
    attempt: int | None = None


class Entry(NamedTuple):
    number: int
    attempt: int
    accepted: Time
    data: Json

    @property
    def numbered(self) -> Json:
        return {"seqId": self.number, **self.data}


class Wish(NamedTuple):
    """What was asked for at registration, and what a retry inherits."""

    task_type: str
    metadata: Json | None = None
    params: Json | None = None
    timeout_seconds: int = 86_400
    priority: int = 0
    max_retries: int = 0
    max_attempts: int | None = None


@dataclass
class Task:
    name: str
    wish: Wish
    place: int
    """In the queue."""
    created: Time
    timeout_at: Time
    updated: Time
    hidden_until: str | Time | None = None
    """Not claimed before; later than any run lasts, or (a ``Time``) a retry's backoff."""
    root: str | None = None
    retry_count: int = 0
    failures: int = 0

    status: str = "pending"
    attempt: int = 0
    worker: str | None = None
    claim_id: str | None = None
    leased: bool = False
    started: Time | None = None
    entries: list[Entry] = field(default_factory=list)
    cancel_requested: Time | None = None
    cancel_reason: str | None = None

    last_worker: str | None = None
    """Who held the latest attempt, also after a release."""
    released: str | None = None
    """The status that the release of the latest attempt led to."""
    ended_by: str | None = None
    """The verb of the latest attempt's own end: complete or fail."""
    ended: Time | None = None
    completed: Time | None = None
    result: Any = None
    error: Any = None
    retried_as: str | None = None
    retried_at_once: str | None = None
    """The automatic retry, which is part of the end; ``retried_as`` may be a later one."""

    @property
    def last_number(self) -> int:
        return len(self.entries)

    @property
    def is_over(self) -> bool:
        return self.status in TERMINAL

    @property
    def chain(self) -> str:
        """The name of the chain's root."""
        return self.root or self.name

    def is_own(self, caller: Caller) -> bool:
        """Whether the latest attempt's outcome is this caller's."""
        return caller.attempt == self.attempt and (
            caller.worker is None or self.last_worker in (None, caller.worker)
        )

    def row(self) -> Json:
        """The task without its history."""
        last = self.entries[-1] if self.entries else None
        return {
            "id": Id(self.name),
            "taskType": self.wish.task_type,
            "status": self.status,
            "metadata": self.wish.metadata,
            "params": self.wish.params,
            "result": self.result,
            "error": self.error,
            "timeoutSeconds": self.wish.timeout_seconds,
            "workerId": self.worker,
            "originalTaskId": _id(self.root),
            "retryCount": self.retry_count,
            "createdAt": self.created,
            "updatedAt": self.updated,
            "startedAt": self.started,
            "completedAt": self.completed,
            "timeoutAt": self.timeout_at,
            "attempt": self.attempt,
            "maxAttempts": self.wish.max_attempts,
            "priority": self.wish.priority,
            "runAt": self.hidden_until,
            "leaseExpiresAt": SOME_TIME if self.leased else None,
            "maxRetries": self.wish.max_retries,
            "cancelRequestedAt": self.cancel_requested,
            "newTaskId": _id(self.retried_as),
            "lastSeqId": self.last_number,
            "lastProgress": last
            and {"seqId": last.number, "timestamp": last.accepted, "data": last.numbered},
        }

    def whole(self) -> Json:
        """The task as GET and claim show it."""
        return {**self.row(), "progressHistory": [entry.numbered for entry in self.entries]}

    def events(self, after: int, retried_as: str | None) -> list[Event]:
        """What a stream tells from here on: entries, and the end where it has come, retried as this task."""
        told = [
            Event(str(entry.number), "progress", self._envelope("progress", entry.numbered, entry.accepted))
            for entry in self.entries
            if entry.number > after
        ]
        if self.is_over:
            told.append(self._final(retried_as))
        return told

    def _final(self, retried_as: str | None) -> Event:
        outcome: dict[str, Mapping[str, Any]] = {
            "completed": {"result": self.result},
            "failed": {"error": self.error, "newTaskId": _id(retried_as)},
            "timeout": {},
        }
        data = {"status": self.status, **outcome[self.status]}
        assert self.ended is not None
        return Event(
            f"{self.last_number}.{self.status}",
            "status_change",
            self._envelope("status_change", data, self.ended),
        )

    def _envelope(self, event: str, data: Json, timestamp: Time) -> Json:
        return {"event": event, "data": data, "taskId": Id(self.name), "timestamp": timestamp}


def _id(name: str | None) -> Id | None:
    return None if name is None else Id(name)
