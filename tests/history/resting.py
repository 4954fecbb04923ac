"""Promises about the end of it all: nothing is stuck, nothing is left, and every reader sees the same."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from itertools import pairwise
from typing import Any, Final

from .finals import TERMINAL, Finals, Row
from .operations import NEVER, History
from .violations import Told

STATEMENTS: Final = 1.0
"""Seconds by which the beginning of a statement, which is its ``now()``, may lie before what it saw."""
NORMAL: Final = (200, 201, 409, 429, 503)
"""What well-formed calls are answered; 404 besides, where the task may not have been registered."""


def answers_are_in_the_contract(history: History, finals: Finals) -> Iterator[Told]:
    """Well-formed calls are never answered as broken, and not as unknown once the task was registered."""
    known: dict[str | None, int] = {}
    for one in history.operations:
        if one.verb == "register" and one.outcome == "accepted":
            known[one.task_id] = min(known.get(one.task_id, NEVER), one.done)
    for one in history.operations:
        missing = one.status == 404 and known.get(one.task_id, NEVER) >= one.sent
        if one.status is not None and one.status not in NORMAL and not missing:
            yield one.task_id or "", f"{one.verb} {one.id} was answered {one.status} {one.answer}"


def all_tasks_have_ended(history: History, finals: Finals) -> Iterator[Told]:
    """After everybody was given time, no task is stuck, and none owes its live log anything."""
    for row in finals.rows.values():
        if row.status not in TERMINAL:
            yield row.id, f"it is {row.status} at the end"
        if row.live_debt:
            yield row.id, "its live log was never closed"


def no_keys_are_left(history: History, finals: Finals) -> Iterator[Told]:
    """Redis holds nothing of ended tasks."""
    for key in finals.keys:
        yield key.rpartition(":")[2], f"the key {key} is left"


def registered_tasks_are_kept(history: History, finals: Finals) -> Iterator[Told]:
    """What was registered is there, as it was asked for; what is there was asked for."""
    for task_id in history.by_task:
        for call in history.accepted(task_id, "register"):
            row = finals.rows.get(task_id)
            if row is None or row.task_type != call.body["taskType"]:
                yield task_id, f"{call.id} registered it, the row says {row}"
    for row in finals.rows.values():
        if row.original_task_id is None and not any(history.of(row.id, "register")):
            yield row.id, "nobody registered it"


def retries_are_kept(history: History, finals: Finals) -> Iterator[Told]:
    """A retry that was answered is a task of the same chain, made for one call."""
    made: dict[str, str] = {}
    for task_id in history.by_task:
        for call in history.accepted(task_id, "retry", "fail"):
            new_id = call.answer["newTaskId"]
            if new_id is None:
                continue
            if new_id not in finals.rows or finals.rows[new_id].root != finals.rows[task_id].root:
                yield (
                    task_id,
                    f"{call.verb} {call.id} was answered {new_id}; there is {finals.rows.get(new_id)}",
                )
            if call.verb == "retry" and made.setdefault(new_id, call.id) != call.id:
                yield task_id, f"{call.id} and {made[new_id]} were answered the same {new_id}"


def chains_have_one_unfinished_task(history: History, finals: Finals) -> Iterator[Told]:
    """A retry begins after all of its chain has ended, and counts one more than those."""
    chains: defaultdict[str, list[Row]] = defaultdict(list)
    for row in finals.rows.values():
        chains[row.root].append(row)
    for root, rows in chains.items():
        rows.sort(key=lambda row: row.retry_count)
        if [row.retry_count for row in rows] != list(range(len(rows))):
            yield root, f"its retries are counted {[row.retry_count for row in rows]}"
        for one, following in pairwise(rows):
            ended = float("inf") if one.completed_at is None else one.completed_at
            if following.created_at < ended - STATEMENTS:
                yield root, f"{following.id} began at {following.created_at}, {one.id} ended at {ended}"


def readers_see_what_is_stored(history: History, finals: Finals) -> Iterator[Told]:
    """GET and track show the stored state, outcome and entries; track tells no gap."""
    for how, shown in (("GET", finals.got), ("track", finals.tracked)):
        for task_id, one in shown.items():
            row = finals.rows[task_id]
            stored = [{"seqId": n, **data} for n, _, data in finals.entries.get(task_id, ())]
            if (one.status, one.entries, one.gaps) != (row.status, stored, []):
                yield task_id, f"{how} shows {one}, stored is {row.status} with {stored}"
            elif one.outcome != _outcome(row):
                yield task_id, f"{how} shows the outcome {one.outcome}, stored is {_outcome(row)}"


def every_task_was_read(history: History, finals: Finals) -> Iterator[Told]:
    """No task is missing from the final reads, so that the promises above say something."""
    for shown in (finals.got, finals.tracked):
        for task_id in finals.rows.keys() - shown.keys():
            yield task_id, "it could not be read"


def _outcome(row: Row) -> Any:
    return row.result if row.status == "completed" else row.error


PROMISES: Final = (
    answers_are_in_the_contract,
    all_tasks_have_ended,
    no_keys_are_left,
    registered_tasks_are_kept,
    retries_are_kept,
    chains_have_one_unfinished_task,
    readers_see_what_is_stored,
    every_task_was_read,
)
