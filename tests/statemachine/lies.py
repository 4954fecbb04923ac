"""A service that lies once: stands between the machine and the real one, and changes a single answer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self, TypeAlias

from .calls import Answer, Calls, Event, Following, Json

AnswerLie: TypeAlias = Callable[[str, Answer, list[Answer]], Any]
"""Of a verb, the true answer and the earlier ones, makes another body or answer; ``None`` for the truth."""
StreamLie: TypeAlias = Callable[[list[Event]], list[Event] | None]


@dataclass(frozen=True)
class Fault:
    """One planted divergence."""

    name: str
    answer: AnswerLie = lambda verb, answer, before: None
    stream: StreamLie = lambda events: None
    swallows: str = ""
    """A verb that is answered well and done by nobody."""


class LyingCalls:
    """Calls the real service and tells one lie."""

    def __init__(self, calls: Calls, fault: Fault) -> None:
        self.fault = fault
        self.lied = False
        self._calls = calls
        self._before: dict[str, list[Answer]] = {}

    def post(self, verb: str, task_id: str | None, body: Json) -> Answer:
        if verb == self.fault.swallows and not self.lied and (made_up := self._made_up(verb, task_id, body)):
            self.lied = True
            return made_up
        return self._told(verb, self._calls.post(verb, task_id, body))

    def get(self, task_id: str, query: str = "") -> Answer:
        return self._told("get", self._calls.get(task_id, query))

    def track(self, task_id: str, query: str = "", last_event_id: str | None = None) -> Following:
        return LyingFollowing(self, self._calls.track(task_id, query, last_event_id))

    def _told(self, verb: str, answer: Answer) -> Answer:
        before = self._before.setdefault(verb, [])
        lie = None if self.lied else self.fault.answer(verb, answer, before)
        before.append(answer)
        if lie is None:
            return answer
        self.lied = True
        return lie if isinstance(lie, Answer) else Answer(answer.status, lie)

    def _made_up(self, verb: str, task_id: str | None, body: Json) -> Answer | None:
        """How this would be answered if it was done, where nothing is in its way."""
        task = Answer(404, {}) if task_id is None else self._calls.get(task_id)
        held = (task.body.get("workerId"), task.body.get("attempt"))
        is_holder = held == (body.get("workerId"), body.get("attempt"))
        if verb in ("start", "timeout", "cancel"):
            is_holder = task.body.get("status") == ("pending" if verb == "start" else "in_progress")
        if not is_holder or task.body["status"] in ("completed", "failed", "timeout"):
            return None
        return Answer(200, {"taskId": task_id, **_MADE_UP[verb](task.body)})


_NOW = "2026-01-01T00:00:00.000Z"
_MADE_UP: dict[str, Callable[[Json], Json]] = {
    "start": lambda task: {
        "status": "in_progress",
        "updatedAt": _NOW,
        "attempt": task["attempt"] + 1,
        "leaseExpiresAt": None,
    },
    "progress": lambda task: {
        "firstSeqId": task["lastSeqId"] + 1,
        "seqId": task["lastSeqId"] + 1,
        "timestamp": _NOW,
        "cancelRequested": False,
    },
    "complete": lambda task: {"status": "completed", "updatedAt": _NOW},
    "timeout": lambda task: {"status": "timeout", "updatedAt": _NOW},
    "release": lambda task: {"status": "pending", "message": "It is back."},
    "cancel": lambda task: {"status": "in_progress", "updatedAt": _NOW, "cancelRequested": True},
}


class LyingFollowing:
    """A stream that may lie once."""

    def __init__(self, teller: LyingCalls, following: Following) -> None:
        self._teller = teller
        self._following = following
        self.status = following.status

    def opening(self) -> Event:
        return self._following.opening()

    def events(self, count: int | None) -> list[Event]:
        events = self._following.events(count)
        lie = None if self._teller.lied else self._teller.fault.stream(events)
        if lie is None:
            return events
        self._teller.lied = True
        return lie

    def close(self) -> None:
        self._following.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
