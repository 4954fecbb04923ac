"""Stored records as the answers callers see."""

from typing import Any

from msgspec import UNSET, Raw

from tasktracker_schema import limits
from tasktracker_schema.answers import Task, TaskRow
from tasktracker_schema.status import is_terminal
from tasktracker_server.core.entries import Entry, merge, parse_all
from tasktracker_server.core.log import Glance, Read
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
        id=r.id,
        task_type=r.task_type,
        status=r.status,
        metadata=r.metadata,
        params=r.params,
        result=r.result,
        error=r.error,
        progress_history=history,
        timeout_seconds=r.timeout_seconds,
        worker_id=r.worker_id,
        original_task_id=r.original_task_id,
        retry_count=r.retry_count,
        created_at=r.created_at,
        updated_at=r.updated_at,
        started_at=r.started_at,
        completed_at=r.completed_at,
        timeout_at=r.timeout_at,
        attempt=r.attempt,
        max_attempts=r.max_attempts,
        priority=r.priority,
        run_at=r.run_at,
        lease_expires_at=r.lease_expires_at,
        max_retries=r.max_retries,
        cancel_requested_at=r.cancel_requested_at,
        new_task_id=r.new_task_id,
        last_seq_id=last_seq_id,
        last_progress=last_progress,
    )


def row_of(task: Task) -> TaskRow:
    """A task without its history."""
    return TaskRow(**{name: getattr(task, name) for name in TaskRow.__struct_fields__})


def listed(record: TaskRecord, glance: Glance | None, *, full: bool) -> TaskRow:
    """A task as lists show it; its values only in a ``full`` row, its latest entry only if it is short.

    ``record.history`` is the latest stored entry, or nothing where that is long. ``glance`` is ``None``
    where the live log need not or cannot be read.
    """
    last_seq_id, last_progress = _latest(record, glance)
    r: Any = record  # times are wire text here, opaque values are bytes; see answers.Task
    return TaskRow(
        id=r.id,
        task_type=r.task_type,
        status=r.status,
        metadata=r.metadata if full else UNSET,
        params=r.params if full else UNSET,
        result=r.result if full else UNSET,
        error=r.error if full else UNSET,
        timeout_seconds=r.timeout_seconds,
        worker_id=r.worker_id,
        original_task_id=r.original_task_id,
        retry_count=r.retry_count,
        created_at=r.created_at,
        updated_at=r.updated_at,
        started_at=r.started_at,
        completed_at=r.completed_at,
        timeout_at=r.timeout_at,
        attempt=r.attempt,
        max_attempts=r.max_attempts,
        priority=r.priority,
        run_at=r.run_at,
        lease_expires_at=r.lease_expires_at,
        max_retries=r.max_retries,
        cancel_requested_at=r.cancel_requested_at,
        new_task_id=r.new_task_id,
        last_seq_id=last_seq_id,
        last_progress=last_progress,
    )


def has_live_entries(record: TaskRecord) -> bool:
    """Whether the live log may know more of the task than is stored."""
    return record.seq_limit > 0 and (record.live_debt or not is_terminal(record.status))


def _latest(record: TaskRecord, glance: Glance | None) -> tuple[int | None, Any]:
    number, entry = record.history_upto, (record.history or "").encode()
    if has_live_entries(record):
        if glance is None or not glance.state:
            return None, None
        if glance.number > number:
            number, entry = glance.number, glance.entry
    if number == 0:
        return 0, None
    latest = Entry.parse(entry) if entry else None
    if latest is None or len(latest.data) > limits.ROW_PROGRESS_BYTES:
        return number, UNSET
    return number, Raw(latest.page_item)


def _known_history(record: TaskRecord, tail: Read | None) -> list[Entry] | None:
    """The newest entries, stored and live; ``None`` where some may exist that cannot be read now."""
    stored = parse_all(record.history.encode().split(b"\n")) if record.history else []
    if tail is not None:
        return merge(stored, parse_all(tail.entries))
    complete = record.seq_limit == 0 or (is_terminal(record.status) and not record.live_debt)
    return stored if complete else None
