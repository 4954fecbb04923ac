"""Promises about how tasks end: once, as it was answered, and for a reason."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from .finals import Finals, Row
from .operations import ENDS, History, Operation
from .violations import Told

CANCELLED: Final = "cancelled"
LEASE_LOST: Final = "lease_lost"
"""Codes of the errors of tasks that the service itself ended."""


def one_outcome_of_each_attempt(history: History, finals: Finals) -> Iterator[Told]:
    """Of completing, failing and releasing one attempt, one is accepted."""
    for task_id in history.by_task:
        verbs: dict[int | None, str] = {}
        for one in history.accepted(task_id, *ENDS, "release"):
            before = verbs.setdefault(one.attempt, one.verb)
            if before != one.verb:
                yield (
                    task_id,
                    f"attempt {one.attempt} was accepted to {before} and, by {one.id}, to {one.verb}",
                )


def one_end_of_each_task(history: History, finals: Finals) -> Iterator[Told]:
    """All accepted ends of a task are the same one, answered alike each time."""
    for task_id in history.by_task:
        ends = history.accepted(task_id, *ENDS)
        for one in ends[1:]:
            if (one.verb, one.attempt) != (ends[0].verb, ends[0].attempt):
                yield task_id, f"{ends[0].verb} {ends[0].id} and {one.verb} {one.id} were both accepted"
            elif _same(one) != _same(ends[0]):
                yield (
                    task_id,
                    f"{one.id} repeats {ends[0].id}, and was answered {_same(one)} not {_same(ends[0])}",
                )


def _same(end: Operation) -> dict[str, Any]:
    return {name: end.answer.get(name) for name in ("status", "updatedAt", "newTaskId")}


def answered_ends_stand(history: History, finals: Finals) -> Iterator[Told]:
    """What was answered is what is stored: the state, and the attempt that brought it about."""
    for task_id in history.by_task:
        for end in history.accepted(task_id, *ENDS):
            row = finals.rows.get(task_id)
            if row is None or (row.status, row.attempt) != (ENDS[end.verb], end.attempt):
                yield (
                    task_id,
                    f"{end.verb} {end.id} of attempt {end.attempt} was answered, the row says {row}",
                )


def every_end_has_a_cause(history: History, finals: Finals) -> Iterator[Told]:
    """A stored end is that of a call, of a cancel, of the last lease that was lost, or of time."""
    for row in finals.rows.values():
        if row.completed_at is not None and not _has_cause(row, history):
            yield row.id, f"nothing explains that it is {row.status} with {row.result or row.error}"


def _has_cause(row: Row, history: History) -> bool:
    if row.status == "completed":
        return _was_sent(row, history, "complete", "result", row.result)
    if row.status == "timeout":
        overdue = (row.completed_at or 0.0) >= row.timeout_at
        return overdue or any(history.of(row.id, "timeout"))
    code = row.error.get("code") if isinstance(row.error, dict) else None
    if code == CANCELLED:
        return any(history.of(row.id, "cancel"))
    if code == LEASE_LOST:
        return row.max_attempts is not None and row.attempt >= row.max_attempts
    return _was_sent(row, history, "fail", "error", row.error)


def _was_sent(row: Row, history: History, verb: str, field: str, outcome: Any) -> bool:
    return any(
        one.body.get(field) == outcome for one in history.of(row.id, verb) if one.attempt == row.attempt
    )


def cancelled_tasks_are_not_handed_out(history: History, finals: Finals) -> Iterator[Told]:
    """After a cancel was answered nobody takes the task any more, and a task that waited has ended."""
    for task_id in history.by_task:
        for cancel in history.accepted(task_id, "cancel"):
            row = finals.rows.get(task_id)
            late = [take for take in history.takes.get(task_id, ()) if take.sent > cancel.done]
            if late:
                yield task_id, f"{late[0].by.id} was given it after {cancel.id} had cancelled it"
            if cancel.answer["status"] == "failed" and (row is None or row.status != "failed"):
                yield task_id, f"cancel {cancel.id} was answered with its end, the row says {row}"


def cancelled_tasks_are_not_retried_by_themselves(history: History, finals: Finals) -> Iterator[Told]:
    """A failure of a task whose cancel was answered before makes no new task."""
    for task_id in history.by_task:
        cancelled = min((one.done for one in history.accepted(task_id, "cancel")), default=None)
        for end in history.accepted(task_id, "fail"):
            again = end.answer["newTaskId"]
            by_hand = {one.answer["newTaskId"] for one in history.accepted(task_id, "retry")}
            unknown = any(one.outcome == "unknown" for one in history.of(task_id, "retry"))
            if (
                cancelled is not None
                and cancelled < end.sent
                and again
                and again not in by_hand
                and not unknown
            ):
                yield task_id, f"{end.id} made {again} although the task was cancelled"


def a_cancel_is_told(history: History, finals: Finals) -> Iterator[Told]:
    """Heartbeats and progress sent after a cancel was answered tell the worker of it."""
    for task_id in history.by_task:
        cancelled = min((one.done for one in history.accepted(task_id, "cancel")), default=None)
        for sign in history.accepted(task_id, "heartbeat", "progress"):
            if cancelled is not None and sign.sent > cancelled and not sign.answer["cancelRequested"]:
                yield task_id, f"{sign.verb} {sign.id} was not told of the cancel"


PROMISES: Final = (
    one_outcome_of_each_attempt,
    one_end_of_each_task,
    answered_ends_stand,
    every_end_has_a_cause,
    cancelled_tasks_are_not_handed_out,
    cancelled_tasks_are_not_retried_by_themselves,
    a_cancel_is_told,
)
