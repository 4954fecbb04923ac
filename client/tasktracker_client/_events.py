"""What streams yield: one class for each kind of event, told apart by ``match``."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, TypeAlias, cast

import msgspec

from tasktracker_client._errors import ProtocolError
from tasktracker_schema import events as wire
from tasktracker_schema.events import LifecycleReason
from tasktracker_schema.names import JsonObject
from tasktracker_schema.status import FinalStatus, TaskStatus


@dataclass(frozen=True, slots=True)
class Progress:
    """A progress entry: told once, in the order of ``seq_id``."""

    seq_id: int
    """Its number within the task: 1, 2, 3 …"""
    data: JsonObject
    """What the worker reported, without the number."""
    task_id: str
    timestamp: datetime
    """When the service accepted it; the same on every replay."""
    task_type: str | None = None
    """In streams of many tasks."""


@dataclass(frozen=True, slots=True)
class StatusChange:
    """The task has ended: the last event of its stream.

    ``status`` is ``completed`` (then there is a ``result``), ``failed`` (an ``error``, and in
    ``new_task_id`` the automatic retry if there is one) or ``timeout``.
    """

    status: FinalStatus
    result: Any
    error: Any
    new_task_id: str | None
    task_id: str
    timestamp: datetime
    task_type: str | None = None


@dataclass(frozen=True, slots=True)
class Lifecycle:
    """A change of an unfinished task: where ``lifecycle`` was asked for, and in streams of many tasks."""

    status: TaskStatus
    reason: LifecycleReason
    worker_id: str | None
    attempt: int | None
    cancel_requested: bool
    task_id: str
    timestamp: datetime
    task_type: str | None = None


@dataclass(frozen=True, slots=True)
class Gap:
    """Entries that were lost with the live store; from ``from_seq_id`` to ``to_seq_id``, both included."""

    from_seq_id: int
    to_seq_id: int
    task_id: str
    timestamp: datetime


@dataclass(frozen=True, slots=True)
class Ready:
    """A stream of many tasks has begun, or begun anew after a cut: read the list again.

    From here on everything is told of the tasks and types named; without any, of all tasks.
    """

    task_ids: tuple[str, ...]
    task_types: tuple[str, ...]
    progress: bool


TrackEvent: TypeAlias = Progress | StatusChange | Lifecycle | Gap
"""What ``track`` yields."""
ManyEvent: TypeAlias = Ready | Progress | StatusChange | Lifecycle
"""What ``events`` yields."""


class _Head(msgspec.Struct):
    """What tells an event's kind, before the rest is read."""

    event: str


_head: Final = msgspec.json.Decoder(_Head)
_wire: Final = msgspec.json.Decoder(wire.Ready | wire.Progress | wire.StatusChange | wire.Gap)


def read_event(data: str) -> TrackEvent | Ready | None:
    """The event this JSON tells; ``None`` for a kind that a newer service added.

    Raises ``ProtocolError`` for what is no event.
    """
    try:
        if _head.decode(data).event not in _READERS:
            return None
        event = _wire.decode(data)
    except msgspec.MsgspecError as error:
        raise ProtocolError(f"the stream told what is no event: {error}") from error
    return _READERS[_tag(event)](event)


def progress_of(
    entry: JsonObject, task_id: str, timestamp: datetime, task_type: str | None = None
) -> Progress:
    """The event of an entry as it is stored: its number taken out of its data."""
    data = dict(entry)
    seq_id = data.pop("seqId", None)
    if not isinstance(seq_id, int):
        raise ProtocolError(
            f"the stream told what is no event: an entry of task {task_id} without its number"
        )
    return Progress(seq_id, data, task_id, timestamp, task_type)


def _tag(event: Any) -> str:
    return cast(str, type(event).__struct_config__.tag)


def _progress(event: wire.Progress) -> Progress:
    return progress_of(event.data, event.task_id, event.timestamp, _given(event.task_type))


def _status_change(event: wire.StatusChange) -> StatusChange | Lifecycle:
    data, task_type = event.data, _given(event.task_type)
    if data.final is False:
        return Lifecycle(
            data.status,
            _given(data.reason) or "current",
            _given(data.worker_id),
            _given(data.attempt),
            bool(_given(data.cancel_requested)),
            event.task_id,
            event.timestamp,
            task_type,
        )
    return StatusChange(
        cast(FinalStatus, data.status),
        _given(data.result),
        _given(data.error),
        _given(data.new_task_id),
        event.task_id,
        event.timestamp,
        task_type,
    )


def _gap(event: wire.Gap) -> Gap:
    return Gap(event.data.from_seq_id, event.data.to_seq_id, event.task_id, event.timestamp)


def _ready(event: wire.Ready) -> Ready:
    return Ready(tuple(event.data.task_ids), tuple(event.data.task_types), event.data.progress)


def _given(value: Any) -> Any:
    return None if value is msgspec.UNSET else value


_READERS: Final[Mapping[str, Callable[[Any], TrackEvent | Ready]]] = {
    "progress": _progress,
    "status_change": _status_change,
    "gap": _gap,
    "ready": _ready,
}
