"""Stored records as the answers callers see."""

from typing import Any, Final

from msgspec import UNSET, Raw
from msgspec.structs import astuple

from tasktracker_schema import limits
from tasktracker_schema.answers import Task, TaskRow
from tasktracker_schema.status import is_terminal
from tasktracker_server.core.entries import Entry, merge, parse_all
from tasktracker_server.core.log import Read
from tasktracker_server.core.records import TaskRecord


def shown(record: TaskRecord, tail: Read | None, *, with_history: bool) -> Task:
    """A task with what is known of its history; ``tail`` is ``None`` where the live log can't be read."""
    entries = _known_history(record, tail)
    history: Any = UNSET
    if with_history:
        history = (
            None if entries is None else [Raw(entry.numbered) for entry in entries[-limits.HISTORY_SHOWN :]]
        )
    last_seq_id: int | None = None
    last_progress: Any = None
    if entries is not None:
        last_seq_id = entries[-1].seq_id if entries else 0
        last_progress = Raw(entries[-1].page_item) if entries else None
    r: Any = record  # times are wire text here, opaque values are bytes; see answers.Task
    return Task(
        r.id,
        r.task_type,
        r.status,
        r.metadata,
        r.params,
        r.result,
        r.error,
        history,
        r.timeout_seconds,
        r.worker_id,
        r.original_task_id,
        r.retry_count,
        r.created_at,
        r.updated_at,
        r.started_at,
        r.completed_at,
        r.timeout_at,
        r.attempt,
        r.max_attempts,
        r.priority,
        r.run_at,
        r.lease_expires_at,
        r.max_retries,
        r.cancel_requested_at,
        r.new_task_id,
        last_seq_id,
        last_progress,
    )  # fmt: skip  - the order of the contract, field by field


_HISTORY: Final = Task.__struct_fields__.index("progress_history")


def row_of(task: Task) -> TaskRow:
    """A task without its history."""
    fields = astuple(task)
    return TaskRow(*fields[:_HISTORY], *fields[_HISTORY + 1 :])


def _known_history(record: TaskRecord, tail: Read | None) -> list[Entry] | None:
    """The newest entries, stored and live; ``None`` where some may exist that cannot be read now."""
    stored = parse_all(record.history.encode().split(b"\n")) if record.history else []
    if tail is not None:
        return merge(stored, parse_all(tail.entries))
    complete = record.seq_limit == 0 or (is_terminal(record.status) and not record.live_debt)
    return stored if complete else None
