"""The record as the checker reads it: each call with its answer, if there was one."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple

from .record import Answered, Json, Sent, lines_of

NEVER: Final = 1 << 62
"""A moment after every other."""
ENDS: Final = {"complete": "completed", "fail": "failed"}
"""How a worker ends a task, and the state that is then."""
TAKES: Final = ("claim", "start")
WRITES: Final = ("progress", "heartbeat", "complete", "fail", "release")
"""What only the holder of a task may do."""

Outcome = Literal["accepted", "refused", "unknown"]


@dataclass(slots=True)
class Operation:
    """One call of one caller."""

    id: str
    verb: str
    task_id: str | None
    sent: int
    done: int = NEVER
    """When its answer was received; ``NEVER`` if it was not."""
    status: int | None = None
    body: Json = field(default_factory=dict)
    """What was sent."""
    answer: Any = None
    repeats: str | None = None

    @property
    def outcome(self) -> Outcome:
        """``refused``: surely nothing was done. ``unknown``: whatever it asks for may have been done."""
        if self.status is None or (self.status == 503 and self.answer.get("code") == "outcome_unknown"):
            return "unknown"
        return "accepted" if self.status < 300 else "refused"

    @property
    def attempt(self) -> int | None:
        attempt: int | None = self.body.get("attempt")
        return attempt

    @property
    def entries(self) -> list[Json]:
        """The progress entries it carries."""
        given = self.body.get("progress") or []
        return given if isinstance(given, list) else [given]

    @property
    def taken(self) -> list[Json]:
        """The tasks that its answer hands over."""
        if self.outcome != "accepted":
            return []
        if self.verb == "start":
            return [{**self.answer, "id": self.task_id}]
        if self.verb == "claim":
            tasks: list[Json] = self.answer["tasks"] if "limit" in self.body else [self.answer]
            return [task for task in tasks if task]
        following = self.answer.get("next") if self.verb in ENDS else None
        return [following] if following else []

    @property
    def claim(self) -> Json | None:
        """What it wants to claim, also as the end of another task."""
        return self.body if self.verb == "claim" else self.body.get("next") if self.verb in ENDS else None


class Take(NamedTuple):
    """An attempt that somebody was told is theirs."""

    task_id: str
    attempt: int
    worker_id: str
    claim_id: str | None
    sent: int
    """When it was first asked for: with a ``claimId`` an earlier call may have been the one that took it."""
    done: int
    lease_seconds: int | None
    by: Operation


@dataclass
class History:
    """Everything that all callers wrote down."""

    operations: list[Operation]

    @cached_property
    def by_task(self) -> dict[str, list[Operation]]:
        """The calls about each task, as they were sent."""
        found: defaultdict[str, list[Operation]] = defaultdict(list)
        for operation in sorted(self.operations, key=lambda one: one.sent):
            if operation.task_id is not None:
                found[operation.task_id].append(operation)
        return dict(found)

    @cached_property
    def takes(self) -> dict[str, list[Take]]:
        """What was handed over of each task, by attempt and then in the order of the answers."""
        found: defaultdict[str, list[Take]] = defaultdict(list)
        for operation in self.operations:
            for task in operation.taken:
                found[task["id"]].append(self._take(operation, task))
        for takes in found.values():
            takes.sort(key=lambda take: (take.attempt, take.done))
        return dict(found)

    def of(self, task_id: str, *verbs: str) -> Iterator[Operation]:
        """The calls of these verbs about a task that were not refused."""
        for operation in self.by_task.get(task_id, ()):
            if operation.verb in verbs and operation.outcome != "refused":
                yield operation

    def accepted(self, task_id: str, *verbs: str) -> list[Operation]:
        """The calls of these verbs about a task that were accepted."""
        return [one for one in self.of(task_id, *verbs) if one.outcome == "accepted"]

    def _take(self, operation: Operation, task: Json) -> Take:
        wanted = operation.claim or operation.body
        worker_id, claim_id = operation.body.get("workerId", ""), wanted.get("claimId")
        sent = self._first_asked[worker_id, claim_id] if claim_id else operation.sent
        return Take(
            task["id"],
            task["attempt"],
            worker_id,
            claim_id,
            sent,
            operation.done,
            wanted.get("leaseSeconds"),
            operation,
        )

    @cached_property
    def _first_asked(self) -> dict[tuple[str, str], int]:
        first: dict[tuple[str, str], int] = {}
        for operation in self.operations:
            claim_id = (operation.claim or {}).get("claimId")
            if claim_id:
                key = (operation.body["workerId"], claim_id)
                first[key] = min(first.get(key, NEVER), operation.sent)
        return first


def read(files: Iterable[Path]) -> History:
    """The history in these files."""
    return History([operation for file in sorted(files) for operation in _of_process(file)])


def _of_process(file: Path) -> Iterable[Operation]:
    calls: dict[int, Operation] = {}
    for line in lines_of(file):
        if isinstance(line, Sent):
            repeats = None if line.repeats is None else f"{file.stem}:{line.repeats}"
            calls[line.n] = Operation(
                f"{file.stem}:{line.n}", line.verb, line.task_id, line.at, body=line.body, repeats=repeats
            )
        elif isinstance(line, Answered):
            calls[line.n] = replace(calls[line.n], done=line.at, status=line.status, answer=line.body)
    return calls.values()
