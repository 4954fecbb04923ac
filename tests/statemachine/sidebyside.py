"""One run of the service and the model: each call goes to both, and their answers are compared."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from typing import NamedTuple

from .calls import Answer, Calls, Following, Json
from .matching import Bindings, Divergence, Id, Time
from .model import Model
from .streams import Place, check_events, check_opening
from .verdicts import Verdict

NOBODY = "nobody"
"""The name of a task that was never registered."""
BACKOFF_SECONDS = 2.0
"""The first retry of a failure comes due a little later than this, at the earliest."""


class Sent(NamedTuple):
    """A call as it went out, and how the model judges it."""

    verb: str
    task: str | None
    body: Json
    judge: Callable[[], Verdict]


class Open(NamedTuple):
    """A stream that is being read."""

    task: str
    after: int
    named: bool
    following: Following


class SideBySide:
    """The state of both sides, and where they differ: nowhere, or a ``Divergence`` ends the run."""

    def __init__(self, calls: Calls) -> None:
        self.model = Model()
        self.name = uuid.uuid4().hex[:16]
        """Part of every task type and id of this run: any number of runs may share a service."""
        self.open: list[Open] = []
        self.sent: Sent | None = None
        self.diverged = False
        self._calls = calls
        self._names = Bindings()
        self._names.bind(Id(NOBODY), f"{self.name}-{NOBODY}")
        self._due: dict[str, float] = {}

    def id_of(self, task: str) -> str:
        """The id of a task at the service."""
        return self._names.value(Id(task))

    def give_id(self, task: str) -> str:
        """An id for a task that is about to be registered."""
        task_id = f"{self.name}-{task}"
        self._names.bind(Id(task), task_id)
        return task_id

    def post(self, sent: Sent, look_at: str | None = None) -> None:
        """Send a call, and read its task afterwards."""
        self.sent = sent
        known = set(self.model.tasks)
        verdict = sent.judge()
        for name in self.model.tasks.keys() - known:
            if isinstance(self.model.tasks[name].hidden_until, Time):
                self._due[name] = time.monotonic() + BACKOFF_SECONDS
        task_id = None if sent.task is None else self.id_of(sent.task)
        answer = self._calls.post(sent.verb, task_id, sent.body)
        self._compare(f"{sent.verb} {sent.task or ''} {sent.body}", verdict, answer)
        for name in {*self.model.tasks.keys() - known, sent.task or look_at} - {None}:
            self.look(name)

    def look(self, task: str, *, with_progress: bool = True) -> None:
        """Read a task."""
        answer = self._calls.get(self.id_of(task), "" if with_progress else "?progress=false")
        self._compare(f"get {task}", self.model.get(task, with_progress), answer)

    def is_certain_what_waits(self) -> bool:
        """Whether no retry's backoff may be over by now, which only the service knows."""
        waiting = (name for name, task in self.model.tasks.items() if task.status == "pending")
        return all(self._due.get(name, time.monotonic()) >= time.monotonic() for name in waiting)

    def track(self, task: str, place: Place) -> Open | None:
        """Open a stream; ``None`` where the task is not there, which has to be told."""
        following = self._calls.track(self.id_of(task), place.query, place.last_event_id)
        found = self.model.tasks.get(task)
        if found is None:
            following.close()
            self.hold(following.status == 404, f"the stream of no task opens with {following.status}")
            return None
        opened = Open(task, place.start(found.last_number), place.named, following)
        self._holding(f"track {task} {place}", lambda: check_opening(following, opened.after))
        return opened

    def read(self, opened: Open) -> None:
        """Read what is there by now; to the end where there is one."""
        found = self.model.tasks[opened.task]
        expected = found.events(opened.after)
        with opened.following as following:
            told = following.events(None if found.is_over else len(expected))
        self._holding(
            f"stream of {opened.task} after {opened.after}",
            lambda: check_events(told, expected, self._names, named=opened.named),
        )

    def reconnect_after_the_end(self, task: str, last_event_id: str) -> None:
        """Ask for a stream whose end was seen."""
        following = self._calls.track(self.id_of(task), "", last_event_id)
        following.close()
        self.hold(following.status == 204, f"after its end {task} is streamed: {following.status}")

    def finish(self) -> None:
        """End what is followed, then compare every stream and every task as a whole."""
        try:
            if not self.diverged:
                self._finish()
        finally:
            for opened in self.open:
                opened.following.close()

    def _finish(self) -> None:
        for task in dict.fromkeys(opened.task for opened in self.open):
            self.post(Sent("timeout", task, {}, lambda task=task: self.model.time_out(task)))
        for opened in self.open:
            self.read(opened)
        for task, found in self.model.tasks.items():
            self.look(task)
            if found.is_over and (opened := self.track(task, Place())):
                self.read(opened)

    def hold(self, holds: bool, otherwise: str) -> None:
        """Demand what is not a comparison of values."""
        if not holds:
            self.diverged = True
            raise Divergence(otherwise)

    def _compare(self, call: str, verdict: Verdict, answer: Answer) -> None:
        self.hold(
            answer.status == verdict.status,
            f"{call}: the model expects {verdict}; the service says {answer}",
        )
        self._holding(call, lambda: self._names.match(verdict.body, answer.body))

    def _holding(self, call: str, check: Callable[[], None]) -> None:
        try:
            check()
        except Divergence as divergence:
            self.hold(False, f"{call}: {divergence}")
