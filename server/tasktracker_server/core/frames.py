"""The bytes of a stream: envelopes and the frames that carry them. Only stored facts carry an id."""

from collections.abc import Iterable
from typing import Any, Final

import msgspec
from msgspec import UNSET

from tasktracker_schema import limits
from tasktracker_schema.events import Gap, GapData, Ready, ReadyData, StatusChange, StatusData
from tasktracker_server.core.changes import Change
from tasktracker_server.core.entries import Entry

_encode = msgspec.json.Encoder().encode

HEARTBEAT: Final = b":\n"
"""A comment without a blank line after it: some parsers dispatch an empty event on a blank line."""


def opening(seq_id: int) -> bytes:
    """The start of a stream: how soon to reconnect, and the position it starts after."""
    return b"retry: %d\nid: %d\n\n" % (limits.SSE_RETRY_MS, seq_id)


def progress(entry: Entry, task_id: str) -> bytes:
    """The frame of a progress entry."""
    return b"id: %d\nevent: progress\ndata: %b\n\n" % (entry.seq_id, entry.envelope(task_id))


def final(seq_id: int, status: str, envelope: bytes) -> bytes:
    """The frame that ends a stream."""
    return b"id: %d.%b\nevent: status_change\ndata: %b\n\n" % (seq_id, status.encode(), envelope)


def lifecycle(envelope: bytes) -> bytes:
    """The frame of a change that is not the end."""
    return b"event: status_change\ndata: %b\n\n" % envelope


def gap(first: int, last: int, task_id: str, timestamp: bytes) -> bytes:
    """The frame that tells of lost entries, both ends included."""
    event = Gap(data=GapData(first, last), task_id=task_id, timestamp=_as_wire(timestamp.decode()))
    return b"event: gap\ndata: %b\n\n" % _encode(event)


def unnamed(frame: bytes) -> bytes:
    """The same frame without its ``event:`` line, for a page's ``onmessage``."""
    head, _, data = frame.partition(b"data: ")
    lines = [line for line in head.split(b"\n") if line and not line.startswith(b"event:")]
    return b"".join(line + b"\n" for line in lines) + b"data: " + data


def final_envelope(
    task_id: str, status: str, *, result: Any, error: Any, new_task_id: str | None, timestamp: str
) -> bytes:
    """The final ``status_change``: ``result`` where completed, ``error`` and ``newTaskId`` where failed."""
    data = StatusData(
        status=status,  # type: ignore[arg-type]  # a text of the store's own
        result=result if status == "completed" else UNSET,
        error=error if status == "failed" else UNSET,
        new_task_id=new_task_id if status == "failed" else UNSET,
    )
    return _encode(StatusChange(data=data, task_id=task_id, timestamp=_as_wire(timestamp)))


def lifecycle_envelope(change: Change) -> bytes:
    """A ``status_change`` that is not the end."""
    data = StatusData(
        status=change.status,  # type: ignore[arg-type]  # a text of the store's own
        final=False,
        reason=change.reason,
        worker_id=change.worker_id,
        attempt=change.attempt,
        cancel_requested=change.cancel_requested,
    )
    return _encode(StatusChange(data=data, task_id=change.task_id, timestamp=_as_wire(change.timestamp)))


def ready(task_ids: Iterable[str], task_types: Iterable[str], progress: bool) -> bytes:
    """The start of a stream of many tasks: from here on nothing is missed."""
    event = Ready(data=ReadyData(list(task_ids), list(task_types), progress))
    return b"retry: %d\nevent: ready\ndata: %b\n\n" % (limits.SSE_RETRY_MS, _encode(event))


def of_many(event: bytes, envelope: bytes, task_type: str) -> bytes:
    """A frame among those of other tasks: without id, its envelope tells the task's type too."""
    return b'event: %b\ndata: %b,"taskType":%b}\n\n' % (event, envelope[:-1], _encode(task_type))


def _as_wire(timestamp: str) -> Any:
    """A time that is wire text already; readers of the struct see a datetime."""
    return timestamp
