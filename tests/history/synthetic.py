"""A small history without a flaw, written by hand: what the planted violations are planted into."""

from __future__ import annotations

from typing import Any, Final

from .finals import Entry, Finals, Row, Shown
from .operations import NEVER, History, Operation
from .record import Json

MS: Final = 1_000_000
LEASE: Final = {"leaseSeconds": 5}
LONG: Final = 86_400.0


class Story:
    """Four tasks and their retries; every call has a name to find it by."""

    def __init__(self) -> None:
        self.operations: dict[str, Operation] = {}
        self.rows: dict[str, Row] = {}
        self.entries: dict[str, list[Entry]] = {}
        self.keys: list[str] = []
        self.unread: set[str] = set()
        self.shown: dict[str, Shown] = {}
        _handed_over(self)
        _failed_and_retried(self)
        _cancelled(self)
        _lapsed_and_retried_by_hand(self)

    def call(
        self, name: str, at: int, verb: str, task_id: str | None, body: Json, answer: Any = None
    ) -> Operation:
        """A call sent at a millisecond and answered one later; without an answer it got none.

        An answer is a body, with its status in ``statusCode`` where that is not 200.
        """
        operation = Operation(name, verb, task_id, at * MS, body=body)
        self.operations[name] = operation
        if answer is not None:
            self.answer(name, answer)
        return operation

    def answer(self, name: str, answer: Any, *, at: int | None = None) -> None:
        """Answer a call, or answer it otherwise."""
        operation = self.operations[name]
        operation.answer = answer
        operation.status = answer.get("statusCode", 200)
        operation.done = operation.sent + MS if at is None else at * MS

    def unanswer(self, name: str) -> None:
        """The answer was never received."""
        operation = self.operations[name]
        operation.answer, operation.status, operation.done = None, None, NEVER

    def history(self) -> History:
        """The calls so far."""
        return History(list(self.operations.values()))

    def finals(self) -> Finals:
        """What is left, as all readers see it, but for what was changed in ``shown``."""
        seen = {task_id: self._seen(task_id) for task_id in self.rows.keys() - self.unread}
        return Finals(self.rows, self.entries, seen, {**seen, **self.shown}, self.keys)

    def _seen(self, task_id: str) -> Shown:
        row = self.rows[task_id]
        outcome = row.result if row.status == "completed" else row.error
        return Shown(
            row.status, outcome, [{"seqId": n, **data} for n, _, data in self.entries.get(task_id, ())]
        )


def _by(worker: str, attempt: int, **more: Any) -> Json:
    return {"workerId": worker, "attempt": attempt, **more}


def _noted(first: int, last: int | None = None) -> Json:
    return {"firstSeqId": first, "seqId": last or first, "cancelRequested": False}


def _handed_over(story: Story) -> None:
    """``a``: released by its first worker, completed by its second, who had to ask twice."""
    call = story.call
    call("a registered", 0, "register", "a", {"taskType": "t"}, {"statusCode": 201})
    call(
        "a claimed",
        10,
        "claim",
        None,
        {"workerId": "w1", "claimId": "c1", **LEASE},
        {"id": "a", "attempt": 1},
    )
    call("a first", 20, "progress", "a", _by("w1", 1, progress={"e": "e1"}), _noted(1))
    call("a second lost", 30, "progress", "a", _by("w1", 1, progress={"e": "e2", "seqId": 2}))
    call("a second", 40, "progress", "a", _by("w1", 1, progress={"e": "e2", "seqId": 2}), _noted(2))
    call("a released", 50, "release", "a", _by("w1", 1), {"status": "pending"})
    call("a claimed again", 60, "claim", None, {"workerId": "w2", **LEASE}, {"id": "a", "attempt": 2})
    call("a third", 70, "progress", "a", _by("w2", 2, progress=[{"e": "e3"}, {"e": "e4"}]), _noted(3, 4))
    call(
        "a stale",
        80,
        "progress",
        "a",
        _by("w1", 1, progress={"e": "e5"}),
        {"statusCode": 409, "code": "stale_attempt"},
    )
    call("a completed lost", 90, "complete", "a", _by("w2", 2, result={"by": "r1"}))
    call(
        "a completed",
        100,
        "complete",
        "a",
        _by("w2", 2, result={"by": "r1"}),
        {"status": "completed", "updatedAt": "then"},
    )
    call("a late", 110, "heartbeat", "a", _by("w2", 2), {"statusCode": 409, "code": "wrong_status"})
    story.rows["a"] = Row(
        "a", "t", "completed", 2, "w2", {"by": "r1"}, completed_at=0.1, timeout_at=LONG, history_upto=4
    )
    names = ((1, "e1"), (1, "e2"), (2, "e3"), (2, "e4"))
    story.entries["a"] = [Entry(n, attempt, {"e": name}) for n, (attempt, name) in enumerate(names, 1)]


def _failed_and_retried(story: Story) -> None:
    """``b``: failed with a retry left, which is completed with a last entry."""
    call = story.call
    call("b registered", 0, "register", "b", {"taskType": "t", "maxRetries": 1}, {"statusCode": 201})
    call("b started", 10, "start", "b", {"workerId": "w3", **LEASE}, {"attempt": 1})
    call("b beats", 4000, "heartbeat", "b", _by("w3", 1), {"cancelRequested": False})
    failed = {"status": "failed", "updatedAt": "then", "newTaskId": "b2"}
    call("b failed", 8000, "fail", "b", _by("w3", 1, error={"by": "r2"}), failed)
    call("b2 claimed", 8100, "claim", None, {"workerId": "w3", **LEASE}, {"id": "b2", "attempt": 1})
    body = _by("w3", 1, result={"by": "r3"}, progress={"e": "e6"})
    call("b2 completed", 8200, "complete", "b2", body, {"status": "completed", "updatedAt": "later"})
    story.rows["b"] = Row(
        "b", "t", "failed", 1, "w3", error={"by": "r2"}, completed_at=8.0, timeout_at=LONG, new_task_id="b2"
    )
    story.rows["b2"] = Row(
        "b2", "t", "completed", 1, "w3", {"by": "r3"}, original_task_id="b", retry_count=1, created_at=8.0,
        completed_at=8.2, timeout_at=LONG, history_upto=1,
    )  # fmt: skip
    story.entries["b2"] = [Entry(1, 1, {"e": "e6"})]


def _cancelled(story: Story) -> None:
    """``c``: cancelled while it is worked on, and ended by its release; ``d``: while it waits."""
    call = story.call
    cancelled = {"code": "cancelled", "message": "no"}
    for task_id, status in (("c", "in_progress"), ("d", "failed")):
        call(f"{task_id} registered", 0, "register", task_id, {"taskType": "t"}, {"statusCode": 201})
        call(f"{task_id} cancelled", 40, "cancel", task_id, {"reason": "no"}, {"status": status})
    call("c started", 10, "start", "c", {"workerId": "w4", **LEASE}, {"attempt": 1})
    call("c beats", 50, "heartbeat", "c", _by("w4", 1), {"cancelRequested": True})
    call("c released", 60, "release", "c", _by("w4", 1), {"status": "failed"})
    story.rows["c"] = Row("c", "t", "failed", 1, "w4", error=cancelled, completed_at=0.06, timeout_at=LONG)
    story.rows["d"] = Row("d", "t", "failed", 0, error=cancelled, completed_at=0.04, timeout_at=LONG)


def _lapsed_and_retried_by_hand(story: Story) -> None:
    """``l``: claimed by somebody who never heard of it, then by one who fails it and retries it by hand."""
    call = story.call
    call("l registered", 0, "register", "l", {"taskType": "t"}, {"statusCode": 201})
    call("l claimed by nobody", 10, "claim", None, {"workerId": "w5", **LEASE})
    call("l claimed", 6000, "claim", None, {"workerId": "w6", **LEASE}, {"id": "l", "attempt": 2})
    failed = {"status": "failed", "updatedAt": "then", "newTaskId": None}
    call("l failed", 6010, "fail", "l", _by("w6", 2, error={"by": "r4"}), failed)
    call("l retried", 6020, "retry", "l", {}, {"statusCode": 201, "newTaskId": "l2"})
    call("l2 timed out", 6030, "timeout", "l2", {}, {"status": "timeout"})
    story.rows["l"] = Row("l", "t", "failed", 2, "w6", error={"by": "r4"}, completed_at=6.01, timeout_at=LONG)
    story.rows["l2"] = Row(
        "l2", "t", "timeout", 0, original_task_id="l", retry_count=1, created_at=6.02, completed_at=6.03,
        timeout_at=LONG,
    )  # fmt: skip
