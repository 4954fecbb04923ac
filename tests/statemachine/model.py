"""What the contract says every verb does: plain state, one verdict a call, no service anywhere.

A further verb is one more method that answers a `Verdict`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from .calls import Json
from .matching import SOME_COUNT, SOME_TEXT, SOME_TIME, Id, Time
from .records import Caller, Entry, Task, Wish
from .verdicts import Verdict, cancelled, ended, refusal, refused, registered, wrong_status


class Claim(NamedTuple):
    """What a worker asks for."""

    task_types: Sequence[str]
    claim_id: str | None = None
    leased: bool = False


class Model:
    """All tasks of one run, by name; ids and times are names too."""

    def __init__(self) -> None:
        self.tasks: dict[str, Task] = {}
        self._moments = 0

    # Registering and retrying

    def next_name(self) -> str:
        """The name that the next new task will have."""
        return f"t{len(self.tasks) + 1}"

    def register(self, own: str | None, wish: Wish, run_at: str | None) -> Verdict:
        """``own``: the name of the task whose id the caller chose."""
        if own in self.tasks:
            task = self.tasks[own]
            same = task.wish == wish and task.hidden_until == run_at
            return refused(409, "task_exists", existing=registered(task), sameRequest=same)
        task = self._new(wish)
        task.hidden_until = run_at
        return Verdict(201, registered(task))

    def retry(self, name: str) -> Verdict:
        task = self.tasks[name]
        if task.status not in ("failed", "timeout"):
            return wrong_status(task)
        chain = [one for one in self.tasks.values() if one.chain == task.chain]
        if unfinished := [one for one in chain if not one.is_over]:
            return refused(409, "already_retried", newTaskId=Id(unfinished[0].name))
        again = self._successor(task, retry_count=max(one.retry_count for one in chain) + 1)
        task.updated = self._moment(f"{name} was retried")
        told = {"newTaskId": Id(again.name), "originalTaskId": Id(task.chain), "status": "pending"}
        return Verdict(201, {**told, "retryCount": again.retry_count})

    # Taking and giving back

    def start(self, name: str, worker: str | None, leased: bool = False) -> Verdict:
        task = self.tasks[name]
        if task.status != "pending":
            return refused(
                409, "wrong_status", status=task.status, workerId=task.worker, attempt=task.attempt
            )
        self._take(task, worker, Claim((), None, leased))
        lease = SOME_TIME if leased else None
        told = {"taskId": Id(name), "status": "in_progress", "updatedAt": task.updated}
        return Verdict(200, {**told, "attempt": task.attempt, "leaseExpiresAt": lease})

    def claim(self, worker: str, claim: Claim) -> Verdict:
        return Verdict(200, self._claimed(worker, claim))

    def release(self, name: str, caller: Caller) -> Verdict:
        task = self.tasks[name]
        if task.released is None or not task.is_own(caller):
            if no := refusal(task, caller):
                return no
            self._release(task)
        return Verdict(200, {"taskId": Id(name), "status": task.released, "message": SOME_TEXT})

    def heartbeat(self, name: str, caller: Caller, leased: bool = False) -> Verdict:
        task = self.tasks[name]
        if no := refusal(task, caller):
            return no
        task.leased = task.leased or leased
        told = {"taskId": Id(name), "status": "in_progress", "timeoutAt": task.timeout_at}
        lease = SOME_TIME if task.leased else None
        unwanted = task.cancel_requested is not None
        return Verdict(200, {**told, "leaseExpiresAt": lease, "cancelRequested": unwanted})

    # Progress

    def progress(self, name: str, caller: Caller, given: Sequence[Json]) -> Verdict:
        task = self.tasks[name]
        if no := refusal(task, caller) or self._append(task, given):
            return no
        first = given[0].get("seqId", task.last_number - len(given) + 1)
        last = task.entries[first + len(given) - 2]
        told = {"taskId": Id(name), "firstSeqId": first, "seqId": last.number, "timestamp": last.accepted}
        return Verdict(200, {**told, "cancelRequested": task.cancel_requested is not None})

    def _append(self, task: Task, given: Sequence[Json]) -> Verdict | None:
        """Append what is new; or answer which number should have come."""
        first = given[0].get("seqId", task.last_number + 1)
        known = task.entries[first - 1 : first - 1 + len(given)]
        if first > task.last_number + 1 or any(entry.attempt != task.attempt for entry in known):
            return refused(409, "seq_gap", expectedSeqId=task.last_number + 1)
        accepted = self._moment(f"entry {task.last_number + 1} of {task.name}")
        for data in given[len(known) :]:
            plain = {key: value for key, value in data.items() if key != "seqId"}
            task.entries.append(Entry(task.last_number + 1, task.attempt, accepted, plain))
        return None

    # Ending

    def complete(
        self,
        name: str,
        caller: Caller,
        result: Any,
        last: Sequence[Json] = (),
        following: Claim | None = None,
    ) -> Verdict:
        task = self.tasks[name]
        if not self._was_own(task, "complete", caller):
            if no := refusal(task, caller) or (self._append(task, last) if last else None):
                return no
            self._end(task, "completed", by="complete", result=result)
        return Verdict(200, {**ended(task), **self._next(caller, following)})

    def fail(
        self,
        name: str,
        caller: Caller,
        error: Any,
        retry: bool = True,
        last: Sequence[Json] = (),
        following: Claim | None = None,
    ) -> Verdict:
        task = self.tasks[name]
        if not self._was_own(task, "fail", caller):
            if no := refusal(task, caller) or (self._append(task, last) if last else None):
                return no
            self._fail(task, error, retry)
        # A repeat is told what the failure itself led to, whatever was retried by hand since.
        told = {"newTaskId": None if task.retried_at_once is None else Id(task.retried_at_once)}
        return Verdict(200, {**ended(task), **told, **self._next(caller, following)})

    def time_out(self, name: str) -> Verdict:
        task = self.tasks[name]
        if task.is_over:
            return wrong_status(task)
        self._end(task, "timeout")
        return Verdict(200, ended(task))

    def cancel(self, name: str, reason: str | None) -> Verdict:
        task = self.tasks[name]
        if task.status in ("completed", "timeout") or (task.is_over and task.cancel_requested is None):
            return wrong_status(task)
        if task.cancel_requested is None:
            task.cancel_requested, task.cancel_reason = self._moment(f"{name} was cancelled"), reason
            if task.status == "pending":
                self._end(task, "failed", error=cancelled(task))
            else:
                task.updated = self._moment(f"{name} was flagged")
        changed = task.ended if task.is_over else task.updated
        told = {"taskId": Id(name), "status": task.status, "updatedAt": changed}
        return Verdict(200, {**told, "cancelRequested": True})

    def process_timeouts(self) -> Verdict:
        """Nothing of ours is overdue; others may share the service."""
        return Verdict(200, {"processedCount": SOME_COUNT})

    # Reading

    def get(self, name: str, with_progress: bool = True) -> Verdict:
        task = self.tasks[name]
        return Verdict(200, task.whole() if with_progress else task.row())

    def can_tell(self, worker: str | None, claim: Claim | None) -> bool:
        """Whether it is certain what a claim gets: not where a backoff decides that may be over by now."""
        if worker is None or claim is None:
            return True
        first = self._first(claim, hidden=True)
        return first is None or first.hidden_until is None or self._held(worker, claim) is not None

    # Steps of several verbs

    def _moment(self, name: str) -> Time:
        self._moments += 1
        return Time(f"{name} (#{self._moments})")

    def _new(self, wish: Wish) -> Task:
        name = self.next_name()
        created, timeout_at = self._moment(f"{name} was made"), self._moment(f"{name} times out")
        task = Task(name, wish, len(self.tasks), created, timeout_at, self._moment(f"{name} changed"))
        self.tasks[name] = task
        return task

    def _successor(self, task: Task, retry_count: int) -> Task:
        again = self._new(task.wish)
        again.root, again.retry_count = task.chain, retry_count
        task.retried_as = again.name
        return again

    def _take(self, task: Task, worker: str | None, claim: Claim) -> None:
        task.status, task.worker, task.claim_id, task.leased = "in_progress", worker, *claim[1:]
        task.attempt += 1
        task.last_worker, task.released = worker, None
        task.started = self._moment(f"attempt {task.attempt} of {task.name}")
        task.updated = self._moment(f"{task.name} was taken")

    def _held(self, worker: str, claim: Claim) -> Task | None:
        """What a claim of this name got before."""
        if claim.claim_id is None:
            return None
        name = ("in_progress", worker, claim.claim_id)
        held = (task for task in self.tasks.values() if (task.status, task.worker, task.claim_id) == name)
        return next(held, None)

    def _first(self, claim: Claim, *, hidden: bool = False) -> Task | None:
        """The first that waits; ``hidden``: be its backoff over or not."""
        due = [
            task
            for task in self.tasks.values()
            if task.status == "pending"
            and task.wish.task_type in claim.task_types
            and (task.hidden_until is None or (hidden and isinstance(task.hidden_until, Time)))
        ]
        return min(due, key=lambda task: (-task.wish.priority, task.place), default=None)

    def _claimed(self, worker: str, claim: Claim) -> Json | None:
        task = self._held(worker, claim)
        if task is not None:
            task.updated = self._moment(f"{task.name} was told again")
        elif task := self._first(claim):
            self._take(task, worker, claim)
        return None if task is None else task.whole()

    def _next(self, caller: Caller, following: Claim | None) -> Json:
        if following is None or caller.worker is None:
            return {}
        return {"next": self._claimed(caller.worker, following)}

    def _release(self, task: Task) -> None:
        if task.cancel_requested is not None:
            self._end(task, "failed", error=cancelled(task))
        else:
            task.status, task.worker, task.claim_id, task.started = "pending", None, None, None
            task.leased = False
            task.updated = self._moment(f"{task.name} was released")
        task.released = task.status

    def _was_own(self, task: Task, verb: str, caller: Caller) -> bool:
        return task.ended_by == verb and task.is_own(caller)

    def _fail(self, task: Task, error: Any, retry: bool) -> None:
        unwanted = task.cancel_requested is not None
        if error is None and unwanted:
            error = cancelled(task)
        self._end(task, "failed", by="fail", error=error)
        if retry and not unwanted and task.failures < task.wish.max_retries:
            again = self._successor(task, task.retry_count + 1)
            again.failures = task.failures + 1
            task.retried_at_once = again.name
            again.hidden_until = self._moment(f"{again.name} comes due")

    def _end(
        self, task: Task, status: str, *, by: str | None = None, result: Any = None, error: Any = None
    ) -> None:
        task.status, task.ended_by, task.result, task.error = status, by, result, error
        task.leased = False
        task.updated = task.ended = self._moment(f"{task.name} ended")
        task.completed = self._moment(f"{task.name} was over")
