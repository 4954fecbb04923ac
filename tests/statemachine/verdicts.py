"""What an answer has to be: refusals in the order of the contract, and shapes that several verbs share."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any, Final, NamedTuple

from .calls import Json
from .matching import SOME_TEXT, AtLeast, Id
from .records import Caller, Task


class Verdict(NamedTuple):
    """What the answer has to be."""

    status: int
    body: Any


def refusal(task: Task, caller: Caller) -> Verdict | None:
    """Why a worker's write is refused, in the order of the contract."""
    if caller.attempt is not None and (caller.attempt != task.attempt or task.status == "pending"):
        return refused(409, "stale_attempt")
    if task.status != "in_progress":
        return wrong_status(task)
    if caller.worker is not None and task.worker is not None and caller.worker != task.worker:
        return refused(403, "not_task_worker")
    return None


def refused(answered: int, code: str, /, **details: Any) -> Verdict:
    said = {"statusCode": answered, "error": HTTPStatus(answered).phrase, "code": code}
    told = {"details": AtLeast(details)} if details else {}
    return Verdict(answered, AtLeast({**said, **told, "message": SOME_TEXT, "requestId": SOME_TEXT}))


def wrong_status(task: Task) -> Verdict:
    return refused(409, "wrong_status", status=task.status)


def registered(task: Task) -> Json:
    told = {"taskId": Id(task.name), "status": task.status}
    return {**told, "createdAt": task.created, "timeoutAt": task.timeout_at}


def ended(task: Task) -> Json:
    return {"taskId": Id(task.name), "status": task.status, "updatedAt": task.ended}


def cancelled(task: Task) -> Json:
    reason = SOME_TEXT if task.cancel_reason is None else task.cancel_reason
    return {"code": "cancelled", "message": reason}


NOT_FOUND: Final = refused(404, "task_not_found")
