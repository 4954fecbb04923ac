"""A stored task as its callers see it."""

import json
from typing import Any

import msgspec
import pytest
from msgspec import UNSET, Raw

from tasktracker_schema import limits
from tasktracker_schema.answers import Task
from tasktracker_server.core.log import Read
from tasktracker_server.core.records import TaskRecord
from tasktracker_server.core.shapes import shown

TIME = "2026-01-31T12:00:00.007Z"
NO_LOG = Read(state="", last=0, complete=True, entries=[])
"""What a look finds where a task has no live log."""


def record(**changes: Any) -> TaskRecord:
    usual: dict[str, Any] = {
        "id": "enc-1", "task_type": "video.encode", "status": "in_progress", "metadata": None,
        "params": Raw(b'{"src":"a.mov"}'), "result": None, "error": None, "timeout_seconds": 60,
        "worker_id": "w1", "original_task_id": None, "retry_count": 0, "created_at": TIME,
        "updated_at": TIME, "started_at": TIME, "completed_at": None, "timeout_at": TIME, "attempt": 1,
        "max_attempts": 5, "priority": -3, "run_at": TIME, "lease_expires_at": None, "max_retries": 2,
        "cancel_requested_at": None, "new_task_id": None,
    }  # fmt: skip
    return TaskRecord(**usual | changes)


def lines(*numbers: int) -> list[bytes]:
    return [b'%d|1769860800007|1|{"n":%d}' % (number, number) for number in numbers]


def stored(*numbers: int) -> str:
    return b"\n".join(lines(*numbers)).decode()


def live(*numbers: int) -> Read:
    return Read("l", numbers[-1], True, lines(*numbers))


def as_wire(task: Task) -> dict[str, Any]:
    wire: dict[str, Any] = json.loads(msgspec.json.encode(task))
    return wire


def numbers(task: Task) -> list[int] | None:
    history = as_wire(task)["progressHistory"]
    return None if history is None else [entry["seqId"] for entry in history]


def test_every_column_stands_under_its_own_name() -> None:
    distinct = record(
        metadata=Raw(b'{"m":1}'), result=Raw(b"[1]"), error=Raw(b'"e"'), original_task_id="root",
        retry_count=4, completed_at=TIME, lease_expires_at=TIME, cancel_requested_at=TIME, new_task_id="next",
    )  # fmt: skip
    columns = [name for name in Task.__struct_fields__ if hasattr(distinct, name)]

    wire = as_wire(shown(distinct, NO_LOG, with_history=False))

    assert len(columns) == 24
    for name, key in zip(Task.__struct_fields__, Task.__struct_encode_fields__, strict=True):
        if name in columns:
            value = getattr(distinct, name)
            assert wire[key] == (json.loads(bytes(value)) if isinstance(value, Raw) else value), name


def test_what_is_shown_is_what_the_schema_reads() -> None:
    task = msgspec.json.decode(msgspec.json.encode(shown(record(), live(1, 2), with_history=True)), type=Task)

    assert task.last_seq_id == 2
    assert task.last_progress is not None
    assert task.last_progress.data == {"seqId": 2, "n": 2}


def test_stored_and_live_history_are_one() -> None:
    assert numbers(shown(record(history=stored(1, 2, 3)), live(3, 4), with_history=True)) == [1, 2, 3, 4]


def test_history_that_was_not_asked_for_is_left_out_but_the_last_entry_is_told() -> None:
    task = shown(record(), live(1, 2), with_history=False)

    assert task.progress_history is UNSET
    assert task.last_seq_id == 2


def test_a_task_without_progress_has_an_empty_history() -> None:
    task = shown(record(), NO_LOG, with_history=True)

    assert (numbers(task), task.last_seq_id, task.last_progress) == ([], 0, None)


def test_only_the_newest_entries_are_shown() -> None:
    many = limits.HISTORY_SHOWN + 5

    told = numbers(shown(record(history=stored(*range(1, many + 1))), NO_LOG, with_history=True))

    assert told == list(range(6, many + 1))


@pytest.mark.parametrize(
    ("state", "known"),
    [
        ({"status": "in_progress", "seq_limit": 256}, False),
        ({"status": "pending", "seq_limit": 256}, False),
        ({"status": "completed", "seq_limit": 256, "live_debt": True}, False),
        ({"status": "completed", "seq_limit": 256}, True),
        ({"status": "in_progress", "seq_limit": 0}, True),
    ],
)
def test_where_the_live_log_cannot_be_read_history_is_unknown_unless_all_of_it_is_stored(
    state: dict[str, Any], known: bool
) -> None:
    history = stored(1) if state["seq_limit"] else None

    task = shown(record(history=history, **state), None, with_history=True)

    if known:
        assert numbers(task) == ([1] if history else [])
    else:
        assert numbers(task) is None
        assert (task.last_seq_id, task.last_progress) == (None, None)
