"""What a task's stream carries: one tagged union, told apart by its ``event`` field."""

from typing import Any, Literal, TypeAlias

from msgspec import UNSET, Struct, UnsetType

from tasktracker_schema.names import JsonObject, Timestamp
from tasktracker_schema.status import TaskStatus

LifecycleReason: TypeAlias = Literal[
    "current", "claimed", "started", "released", "lapsed", "cancel_requested"
]


class Event(Struct, rename="camel", frozen=True, tag_field="event"):
    """The envelope every event comes in."""


class Progress(Event, frozen=True, tag="progress"):
    """A progress entry; ``data`` is ``{seqId, ...}``."""

    data: JsonObject
    task_id: str
    timestamp: Timestamp


class StatusData(Struct, rename="camel", frozen=True, kw_only=True):
    """What a status change says.

    The final one has no ``final`` field and carries ``result`` (completed) or ``error`` and
    ``new_task_id`` (failed). Those before it, sent with ``lifecycle=true`` only, say
    ``"final": false`` and why they were sent.
    """

    status: TaskStatus
    result: Any | UnsetType = UNSET
    error: Any | UnsetType = UNSET
    new_task_id: str | None | UnsetType = UNSET
    final: bool | UnsetType = UNSET
    reason: LifecycleReason | UnsetType = UNSET
    worker_id: str | None | UnsetType = UNSET
    attempt: int | UnsetType = UNSET
    cancel_requested: bool | UnsetType = UNSET


class StatusChange(Event, frozen=True, tag="status_change"):
    """The task's state changed; the final one ends the stream."""

    data: StatusData
    task_id: str
    timestamp: Timestamp


class GapData(Struct, rename="camel", frozen=True):
    """Numbers whose entries were lost, both ends included."""

    from_seq_id: int
    to_seq_id: int


class Gap(Event, frozen=True, tag="gap"):
    """Entries that were answered but lost with the live store; the stream goes on after them."""

    data: GapData
    task_id: str
    timestamp: Timestamp


TrackEvent: TypeAlias = Progress | StatusChange | Gap
"""``msgspec.json.Decoder(TrackEvent)`` reads the data of any event."""
