"""One run of the service and the model: each call goes to both, and their answers are compared."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from .calls import Answer, Calls, Following, Json
from .matching import Bindings, Divergence, Id
from .model import Claim, Model
from .streams import Place, check_events, check_opening
from .verdicts import NOT_FOUND, Verdict

NOBODY = "nobody"
"""The name of a task that was never registered."""


class Sent(NamedTuple):
    """A call as it went out, and how the model judges it."""

    verb: str
    task: str | None
    body: Json
    judge: Callable[[], Verdict]
    claim: Claim | None = None
    """What it claims, by itself or with an end."""


class Open(NamedTuple):
    """A stream that is being read."""

    task: str
    after: int
    named: bool
    following: Following
    was_over: bool
    retried_as: str | None
    """When it was opened; to whom saw the end come, that tells the automatic retry only."""


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

    def own_id(self, task: str) -> str:
        """The id that the caller chooses for a task, or has chosen."""
        if not self._names.knows(Id(task)):
            self._names.bind(Id(task), f"{self.name}-{task}")
        return self._names.value(Id(task))

    def post(self, sent: Sent) -> None:
        """Send a call, and read its task afterwards."""
        self.sent = sent
        known = set(self.model.tasks)
        verdict = sent.judge()
        task_id = None if sent.task is None else self._names.value(Id(sent.task))
        answer = self._calls.post(sent.verb, task_id, sent.body)
        self._compare(f"{sent.verb} {sent.task or ''} {sent.body}", verdict, answer)
        for name in self.model.tasks:
            if name not in known or name == sent.task:
                self.look(name)

    def look(self, task: str, *, with_progress: bool = True) -> None:
        """Read a task."""
        answer = self._calls.get(self._names.value(Id(task)), "" if with_progress else "?progress=false")
        self._compare(f"get {task}", self.model.get(task, with_progress=with_progress), answer)

    def track(self, task: str, place: Place) -> Open:
        """Open a stream."""
        found = self.model.tasks[task]
        following = self._calls.track(self._names.value(Id(task)), place.query, place.last_event_id)
        after = place.start(found.last_number)
        opened = Open(task, after, place.named, following, found.is_over, found.retried_as)
        self._holding(f"track {task} {place}", lambda: check_opening(following, after))
        return opened

    def ask_for_nobody(self, verb: str) -> None:
        """Call any verb of a task that is not there."""
        task_id = self._names.value(Id(NOBODY))
        if verb == "track":
            self._hold_status("track nobody", self._calls.track(task_id), 404)
        elif verb == "get":
            self._compare("get nobody", NOT_FOUND, self._calls.get(task_id))
        else:
            body = {"progress": {}, "workerId": "w1", "attempt": 1}
            self._compare(f"{verb} nobody", NOT_FOUND, self._calls.post(verb, task_id, body))

    def read(self, opened: Open) -> None:
        """Read what is there by now; to the end where there is one."""
        found = self.model.tasks[opened.task]
        retried_as = opened.retried_as if opened.was_over else found.retried_at_once
        expected = found.events(opened.after, retried_as)
        with opened.following as following:
            told = following.events(None if found.is_over else len(expected))
        self._holding(
            f"stream of {opened.task} after {opened.after}",
            lambda: check_events(told, expected, self._names, named=opened.named),
        )

    def reconnect_after_the_end(self, task: str, last_event_id: str) -> None:
        """Ask for a stream whose end was seen."""
        following = self._calls.track(self._names.value(Id(task)), "", last_event_id)
        self._hold_status(f"track {task} after its end", following, 204)

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
            self.post(Sent("timeout", task, {}, partial(self.model.time_out, task)))
        for opened in self.open:
            self.read(opened)
        for task, found in self.model.tasks.items():
            self.look(task)
            if found.is_over:
                self.read(self.track(task, Place()))

    def _compare(self, call: str, verdict: Verdict, answer: Answer) -> None:
        self._hold(answer.status == verdict.status, f"{call}: expected {verdict}; the service says {answer}")
        self._holding(call, lambda: self._names.match(verdict.body, answer.body))

    def _hold_status(self, call: str, following: Following, status: int) -> None:
        following.close()
        self._hold(following.status == status, f"{call}: the stream opens with {following.status}")

    def _holding(self, call: str, check: Callable[[], None]) -> None:
        try:
            check()
        except Divergence as divergence:
            self._hold(False, f"{call}: {divergence}")

    def _hold(self, holds: bool, otherwise: str) -> None:
        if not holds:
            self.diverged = True
            raise Divergence(otherwise)
