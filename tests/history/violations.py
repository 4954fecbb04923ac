"""What the checker tells."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple, TypeAlias

from .finals import Finals
from .operations import NEVER, History, Operation

Told: TypeAlias = tuple[str, str]
"""The task, and what is wrong."""
Promise: TypeAlias = Callable[[History, Finals], Iterator[Told]]


class Violation(NamedTuple):
    """A broken promise."""

    promise: str
    task_id: str
    what: str


def excerpt(history: History, finals: Finals, task_id: str) -> str:
    """All that was said and done about a task, in the order of sending, in milliseconds of its life."""
    operations = list(history.by_task.get(task_id, ()))
    operations += [take.by for take in history.takes.get(task_id, ()) if take.by not in operations]
    operations.sort(key=lambda one: one.sent)
    begin = operations[0].sent if operations else 0
    lines = [_line(one, begin) for one in operations]
    lines.append(f"row: {finals.rows.get(task_id)}")
    lines += [f"entry: {entry}" for entry in finals.entries.get(task_id, ())]
    return "\n".join(lines)


def _line(one: Operation, begin: int) -> str:
    done = "        ?" if one.done == NEVER else f"{(one.done - begin) / 1e6:9.1f}"
    body = {name: value for name, value in one.body.items() if name not in ("metadata", "params")}
    again = f" repeats {one.repeats}" if one.repeats else ""
    answer = str(one.answer)[:300]
    return (
        f"{(one.sent - begin) / 1e6:9.1f} {done}  {one.id}{again} {one.verb} {body} -> {one.status} {answer}"
    )
