"""The rules: each makes one call to both sides. A further verb is one more rule, and one more verdict."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import hypothesis.strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
)

from . import values
from .calls import Calls, Json
from .model import Claim
from .records import Caller, Wish
from .sidebyside import Sent, SideBySide
from .streams import Place
from .values import Guise, Numbering

VERBS_OF_A_TASK = (
    *("get", "track", "start", "progress", "complete", "fail"),
    *("timeout", "release", "retry", "heartbeat", "cancel"),
)
FOLLOWED_AT_ONCE = 3
LEASE = {"leaseSeconds": 3_600}
"""Longer than any run: nothing lapses."""


def _to_choose_from(machine: Machine) -> list[str]:
    unfinished = [name for name, task in machine.model.tasks.items() if not task.is_over]
    return [*unfinished * 2, *machine.model.tasks]


existing_tasks = st.runner().map(_to_choose_from).flatmap(st.sampled_from)
"""Any task of the run, more often one that has not ended."""


def _leaves_enough(machine: Machine) -> bool:
    """Ends that ask for nothing would soon have ended every task."""
    return sum(not task.is_over for task in machine.model.tasks.values()) > 1


class Machine(RuleBasedStateMachine):
    """Any sequence of calls by several workers; the model says what each has to be answered."""

    def __init__(self, calls: Calls) -> None:
        super().__init__()
        self.both = SideBySide(calls)
        self.model = self.both.model
        tomorrow = datetime.now(UTC) + timedelta(days=1)
        self.later = tomorrow.isoformat(timespec="milliseconds").replace("+00:00", "Z")

    @initialize(wishes=st.tuples(values.wishes, values.wishes), worker=values.workers)
    def begin_with_work(self, wishes: tuple[Wish, Wish], worker: str) -> None:
        """Two tasks, one of them taken: from nothing most runs would never get far."""
        for wish in wishes:
            self.register(wish, named=True, later=False)
        self.start("t1", worker, leased=False)

    @rule(task=existing_tasks, worker=values.workers, entries=values.entries)
    def a_worker_goes_on(self, task: str, worker: str, entries: list[Json]) -> None:
        """Take what waits, report on what runs. (Its name makes it the first rule, which is tried most.)"""
        status = self.model.tasks[task].status
        if status == "pending":
            self.start(task, worker, leased=False)
        elif status == "in_progress":
            self.progress(task, values.HOLDER, entries, Numbering(None), in_array=True)

    @rule(verb=st.sampled_from(VERBS_OF_A_TASK))
    def what_is_not_there_is_asked_for(self, verb: str) -> None:
        self.both.ask_for_nobody(verb)

    # Registering and retrying

    @rule(wish=values.wishes, named=values.often, later=values.seldom)
    def register(self, wish: Wish, named: bool, later: bool) -> None:
        own = self.model.next_name() if named else None
        wish = wish._replace(task_type=self._type(wish.task_type))
        self._register(own, wish, self.later if later else None)

    @rule(task=existing_tasks, same=values.often)
    def register_again(self, task: str, same: bool) -> None:
        found = self.model.tasks[task]
        if found.root is None:  # a retry was never registered
            wish = found.wish if same else found.wish._replace(priority=7)
            self._register(task, wish, self.later if found.hidden_until else None)

    @rule(task=existing_tasks)
    def retry(self, task: str) -> None:
        self.both.post(Sent("retry", task, {}, partial(self.model.retry, task)))

    # Taking and giving back

    @rule(task=existing_tasks, worker=st.none() | values.workers, leased=values.seldom)
    def start(self, task: str, worker: str | None, leased: bool) -> None:
        body = _body(Caller(worker), leased=leased)
        self.both.post(Sent("start", task, body, partial(self.model.start, task, worker, leased)))

    @rule(claim=values.claims, worker=values.workers)
    def claim(self, claim: Claim, worker: str) -> None:
        wanted = self._of_this_run(claim)
        if self.model.can_tell(worker, wanted):
            body = {"workerId": worker, **_claim_body(wanted)}
            self.both.post(Sent("claim", None, body, partial(self.model.claim, worker, wanted), wanted))

    @rule(task=existing_tasks, guise=values.guises)
    def release(self, task: str, guise: Guise) -> None:
        caller = self._caller(task, guise)
        self.both.post(Sent("release", task, _body(caller), partial(self.model.release, task, caller)))

    @rule(task=existing_tasks, guise=values.guises, leased=values.seldom)
    def heartbeat(self, task: str, guise: Guise, leased: bool) -> None:
        caller = self._caller(task, guise)
        body = _body(caller, leased=leased)
        self.both.post(Sent("heartbeat", task, body, partial(self.model.heartbeat, task, caller, leased)))

    # Progress

    @rule(
        task=existing_tasks,
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
        self.both.post(Sent("progress", task, body, partial(self.model.progress, task, caller, given)))

    # Ending

    @rule(task=existing_tasks, guise=values.guises, result=values.given, last=values.last_words)
    def complete(self, task: str, guise: Guise, result: Any, last: values.LastWords) -> None:
        caller = self._caller(task, guise)
        given, claim = self._last_words(task, caller, last)
        body = _body(caller) | {"result": result} | _last_body(given, claim)
        judge = partial(self.model.complete, task, caller, result, given, claim)
        self.both.post(Sent("complete", task, body, judge, claim))

    @rule(
        task=existing_tasks,
        guise=values.guises,
        error=values.given,
        retry=values.often,
        last=values.last_words,
    )
    def fail(self, task: str, guise: Guise, error: Any, retry: bool, last: values.LastWords) -> None:
        caller = self._caller(task, guise)
        given, claim = self._last_words(task, caller, last)
        body = _body(caller) | {"error": error, "retry": retry} | _last_body(given, claim)
        judge = partial(self.model.fail, task, caller, error, retry, given, claim)
        self.both.post(Sent("fail", task, body, judge, claim))

    @precondition(_leaves_enough)
    @rule(task=existing_tasks)
    def time_out(self, task: str) -> None:
        self.both.post(Sent("timeout", task, {}, partial(self.model.time_out, task)))

    @precondition(_leaves_enough)
    @rule(task=existing_tasks, reason=st.none() | st.just("not wanted"))
    def cancel(self, task: str, reason: str | None) -> None:
        self.both.post(Sent("cancel", task, {"reason": reason}, partial(self.model.cancel, task, reason)))
        if self.model.tasks[task].status == "in_progress":
            self.heartbeat(task, values.HOLDER, leased=False)

    @rule()
    def the_last_call_again(self) -> None:
        """As when its answer was lost."""
        sent = self.both.sent
        if sent is not None and self.model.can_tell(sent.body.get("workerId"), sent.claim):
            self.both.post(sent)

    # Reading

    @rule(task=existing_tasks)
    def get_without_progress(self, task: str) -> None:
        self.both.look(task, with_progress=False)

    @rule(task=existing_tasks, place=values.places)
    def track_what_is_there(self, task: str, place: Place) -> None:
        self.both.read(self.both.track(task, place))

    @rule(task=existing_tasks, place=values.places)
    def follow(self, task: str, place: Place) -> None:
        """Read at the end of the run: all that comes until then has to be told, once and in order."""
        if len(self.both.open) < FOLLOWED_AT_ONCE:
            self.both.open.append(self.both.track(task, place))

    @rule(task=existing_tasks, number=st.integers(0, 3))
    def reconnect_after_the_end(self, task: str, number: int) -> None:
        """A browser that saw the end and comes again is told to stay away."""
        found = self.model.tasks[task]
        if found.is_over:
            self.both.reconnect_after_the_end(task, f"{number}.{found.status}")

    def teardown(self) -> None:
        self.both.finish()

    # What the rules share

    def _register(self, own: str | None, wish: Wish, run_at: str | None) -> None:
        body = _registration(wish, run_at) | ({"taskId": self.both.own_id(own)} if own else {})
        self.both.post(Sent("register", None, body, partial(self.model.register, own, wish, run_at)))

    def _type(self, kind: str) -> str:
        return f"{kind}-{self.both.name}"

    def _of_this_run(self, claim: Claim) -> Claim:
        name = claim.claim_id and f"{claim.claim_id}-{self.both.name}"
        return claim._replace(task_types=[self._type(kind) for kind in claim.task_types], claim_id=name)

    def _last(self, task: str) -> int:
        return self.model.tasks[task].last_number

    def _caller(self, task: str, guise: Guise) -> Caller:
        found = self.model.tasks[task]
        own, latest = found.last_worker, found.attempt
        other = values.WORKERS[0] if own != values.WORKERS[0] else values.WORKERS[1]
        worker = {"own": own, "other": other, None: None}[guise.worker]
        return Caller(worker, None if guise.attempt is None else max(1, latest + guise.attempt))

    def _last_words(
        self, task: str, caller: Caller, last: values.LastWords
    ) -> tuple[list[Json], Claim | None]:
        given = last.numbering.applied(last.entries, self._last(task))
        claim = self._of_this_run(last.claim) if last.claim and caller.worker else None
        return given, claim if self.model.can_tell(caller.worker, claim) else None


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
