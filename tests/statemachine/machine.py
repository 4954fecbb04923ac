"""The rules: each makes one call to both sides. A further verb is one more rule, and one more verdict."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import hypothesis.strategies as st
from hypothesis.stateful import Bundle, MultipleResults, RuleBasedStateMachine, initialize, multiple, rule

from . import values
from .calls import Calls, Json
from .model import Claim
from .records import Caller, Wish
from .sidebyside import NOBODY, Sent, SideBySide
from .streams import Place
from .values import Guise, Numbering
from .verdicts import NOT_FOUND

FOLLOWED_AT_ONCE = 3
VERBS = ("start", "progress", "complete", "fail", "timeout", "release", "retry", "heartbeat", "cancel")
LEASE = {"leaseSeconds": 3_600}
"""Longer than any run: nothing lapses."""


class Machine(RuleBasedStateMachine):
    """Any sequence of calls by several workers; the model says what each has to be answered."""

    tasks: Bundle[str] = Bundle("tasks")

    def __init__(self, calls: Calls) -> None:
        super().__init__()
        self.both = SideBySide(calls)
        self.model = self.both.model
        tomorrow = datetime.now(UTC) + timedelta(days=1)
        self.later = tomorrow.isoformat(timespec="milliseconds").replace("+00:00", "Z")

    @initialize(target=tasks, wishes=st.tuples(values.wishes, values.wishes), worker=values.workers)
    def begin_with_work(self, wishes: tuple[Wish, Wish], worker: str) -> MultipleResults[str]:
        """Two tasks, one of them taken: from nothing most runs would never get far."""
        first, second = (self.register(wish, named=True, later=False) for wish in wishes)
        self.start(first, worker, leased=False)
        return multiple(first, second)

    @rule(target=tasks, task=tasks, worker=values.workers, entries=values.entries)
    def go_on_as_one_should(self, task: str, worker: str, entries: list[Json]) -> MultipleResults[str]:
        """Take what waits, report on what runs, retry what failed."""
        status = self.model.tasks[task].status
        if status == "pending":
            self.start(task, worker, leased=False)
        elif status == "in_progress":
            self.progress(task, values.HOLDER, entries, Numbering(None), in_array=True)
        elif status in ("failed", "timeout"):
            return self.retry(task)
        return multiple()

    @rule(verb=st.sampled_from([*VERBS, "get", "track"]))
    def ask_for_a_task_that_is_not_there(self, verb: str) -> None:
        if verb == "get":
            self.both.look(NOBODY)
        elif verb == "track":
            self.both.track(NOBODY, Place())
        else:
            body = {"progress": {}, "workerId": "w1", "attempt": 1}
            self.both.post(Sent(verb, NOBODY, body, lambda: NOT_FOUND))

    # Registering and retrying

    @rule(target=tasks, wish=values.wishes, named=values.often, later=values.seldom)
    def register(self, wish: Wish, named: bool, later: bool) -> str:
        name = self.model.next_name()
        wish = wish._replace(task_type=self._type(wish.task_type))
        run_at = self.later if later else None
        body = _registration(wish, run_at)
        if named:
            body["taskId"] = self.both.give_id(name)
        self.both.post(Sent("register", None, body, lambda: self.model.register(wish, run_at)))
        return name

    @rule(task=tasks, same=values.often)
    def register_again(self, task: str, same: bool) -> None:
        found = self.model.tasks.get(task)
        if found is None or found.root is not None:
            return  # not one that was registered
        wish = found.wish if same else found.wish._replace(priority=7)
        run_at = self.later if found.hidden_until else None
        body = _registration(wish, run_at) | {"taskId": self.both.id_of(task)}
        self.both.post(
            Sent("register", None, body, lambda: self.model.register_again(task, wish, run_at)), look_at=task
        )

    @rule(target=tasks, task=tasks)
    def retry(self, task: str) -> MultipleResults[str]:
        return self._make(Sent("retry", task, {}, lambda: self.model.retry(task)))

    # Taking and giving back

    @rule(task=tasks, worker=st.none() | values.workers, leased=values.seldom)
    def start(self, task: str, worker: str | None, leased: bool) -> None:
        body = _body(Caller(worker), leased=leased)
        self.both.post(Sent("start", task, body, lambda: self.model.start(task, worker, leased)))

    @rule(claim=values.claims, worker=values.workers)
    def claim(self, claim: Claim, worker: str) -> None:
        if self.both.is_certain_what_waits():
            wanted = self._of_this_run(claim)
            body = {"workerId": worker, **_claim_body(wanted)}
            self.both.post(Sent("claim", None, body, lambda: self.model.claim(worker, wanted)))

    @rule(task=tasks, guise=values.guises)
    def release(self, task: str, guise: Guise) -> None:
        caller = self._caller(task, guise)
        self.both.post(Sent("release", task, _body(caller), lambda: self.model.release(task, caller)))

    @rule(task=tasks, guise=values.guises, leased=values.seldom)
    def heartbeat(self, task: str, guise: Guise, leased: bool) -> None:
        caller = self._caller(task, guise)
        body = _body(caller, leased=leased)
        self.both.post(Sent("heartbeat", task, body, lambda: self.model.heartbeat(task, caller, leased)))

    # Progress

    @rule(
        task=tasks,
        guise=values.guises,
        entries=values.entries,
        numbering=values.numberings,
        in_array=st.booleans(),
    )
    def progress(
        self, task: str, guise: Guise, entries: list[Json], numbering: Numbering, in_array: bool
    ) -> None:
        caller = self._caller(task, guise)
        given = numbering.applied(entries if in_array else entries[:1], self._last(task))
        body = _body(caller) | {"progress": given if in_array else given[0]}
        self.both.post(Sent("progress", task, body, lambda: self.model.progress(task, caller, given)))

    # Ending

    @rule(task=tasks, guise=values.guises, result=values.given, last=values.last_words)
    def complete(self, task: str, guise: Guise, result: Any, last: values.LastWords) -> None:
        if not (last.claim is None or self.both.is_certain_what_waits()):
            return
        caller = self._caller(task, guise)
        given, claim = self._last_words(task, caller, last)
        body = _body(caller) | {"result": result} | _last_body(given, claim)
        self.both.post(
            Sent("complete", task, body, lambda: self.model.complete(task, caller, result, given, claim))
        )

    @rule(
        target=tasks,
        task=tasks,
        guise=values.guises,
        error=values.given,
        retry=values.often,
        last=values.last_words,
    )
    def fail(
        self, task: str, guise: Guise, error: Any, retry: bool, last: values.LastWords
    ) -> MultipleResults[str]:
        if not (last.claim is None or self.both.is_certain_what_waits()):
            return multiple()
        caller = self._caller(task, guise)
        given, claim = self._last_words(task, caller, last)
        body = _body(caller) | {"error": error, "retry": retry} | _last_body(given, claim)
        return self._make(
            Sent("fail", task, body, lambda: self.model.fail(task, caller, error, retry, given, claim))
        )

    @rule(task=tasks)
    def time_out(self, task: str) -> None:
        self.both.post(Sent("timeout", task, {}, lambda: self.model.time_out(task)))

    @rule(task=tasks, reason=st.none() | st.just("not wanted"))
    def cancel(self, task: str, reason: str | None) -> None:
        self.both.post(Sent("cancel", task, {"reason": reason}, lambda: self.model.cancel(task, reason)))

    @rule(target=tasks)
    def the_last_call_again(self) -> MultipleResults[str]:
        """As when its answer was lost."""
        sent = self.both.sent
        if sent is None or not self.both.is_certain_what_waits():
            return multiple()
        return self._make(sent)

    # Reading

    @rule(task=tasks)
    def get_without_progress(self, task: str) -> None:
        self.both.look(task, with_progress=False)

    @rule(task=tasks, place=values.places)
    def track_what_is_there(self, task: str, place: Place) -> None:
        if opened := self.both.track(task, place):
            self.both.read(opened)

    @rule(task=tasks, place=values.places)
    def follow(self, task: str, place: Place) -> None:
        """Read at the end of the run: all that comes until then has to be told, once and in order."""
        if len(self.both.open) < FOLLOWED_AT_ONCE and (opened := self.both.track(task, place)):
            self.both.open.append(opened)

    @rule(task=tasks, number=st.integers(0, 3))
    def reconnect_after_the_end(self, task: str, number: int) -> None:
        """A browser that saw the end and comes again is told to stay away."""
        found = self.model.tasks.get(task)
        if found is not None and found.is_over:
            self.both.reconnect_after_the_end(task, f"{number}.{found.status}")

    def teardown(self) -> None:
        self.both.finish()

    # What the rules share

    def _type(self, kind: str) -> str:
        return f"{kind}-{self.both.name}"

    def _of_this_run(self, claim: Claim) -> Claim:
        return claim._replace(task_types=[self._type(kind) for kind in claim.task_types])

    def _last(self, task: str) -> int:
        found = self.model.tasks.get(task)
        return 0 if found is None else found.last_number

    def _caller(self, task: str, guise: Guise) -> Caller:
        found = self.model.tasks.get(task)
        own, latest = ("w1", 1) if found is None else (found.last_worker, found.attempt)
        other = values.WORKERS[0] if own != values.WORKERS[0] else values.WORKERS[1]
        worker = {"own": own, "other": other, None: None}[guise.worker]
        return Caller(worker, None if guise.attempt is None else max(1, latest + guise.attempt))

    def _last_words(
        self, task: str, caller: Caller, last: values.LastWords
    ) -> tuple[list[Json], Claim | None]:
        given = last.numbering.applied(last.entries, self._last(task))
        claims = last.claim is not None and caller.worker is not None
        return given, self._of_this_run(last.claim) if last.claim and claims else None

    def _make(self, sent: Sent) -> MultipleResults[str]:
        """Send what may make a task; its name, where it did."""
        name = self.model.next_name()
        self.both.post(sent)
        return multiple(name) if name in self.model.tasks else multiple()


def _registration(wish: Wish, run_at: str | None) -> Json:
    return {
        "taskType": wish.task_type,
        "metadata": wish.metadata,
        "params": wish.params,
        "timeoutSeconds": wish.timeout_seconds,
        "priority": wish.priority,
        "maxRetries": wish.max_retries,
        "maxAttempts": wish.max_attempts,
        "runAt": run_at,
    }


def _body(caller: Caller, *, leased: bool = False) -> Json:
    named = {"workerId": caller.worker, "attempt": caller.attempt}
    return {name: value for name, value in named.items() if value is not None} | (LEASE if leased else {})


def _claim_body(claim: Claim) -> Json:
    return {"taskTypes": claim.task_types, "claimId": claim.claim_id} | (LEASE if claim.leased else {})


def _last_body(given: list[Json], claim: Claim | None) -> Json:
    return ({"progress": given} if given else {}) | ({"next": _claim_body(claim)} if claim else {})
