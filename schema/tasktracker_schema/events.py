"""What streams carry: tagged unions, told apart by their ``event`` field."""

from typing import Any, Literal, TypeAlias

from msgspec import UNSET, Struct, UnsetType

from tasktracker_schema.names import JsonObject, Timestamp
from tasktracker_schema.status import TaskStatus

LifecycleReason: TypeAlias = Literal[
    "current", "created", "claimed", "started", "released", "lapsed", "cancel_requested"
]
"""``current`` is told by a task's own stream alone, ``created`` by streams of many tasks."""


class Event(Struct, rename="camel", frozen=True, tag_field="event"):
    """The envelope every event comes in."""


class Progress(Event, frozen=True, tag="progress"):
    """A progress entry; ``data`` is ``{seqId, ...}``. In a stream of many tasks it tells their type."""

    data: JsonObject
    task_id: str
    timestamp: Timestamp
    task_type: str | UnsetType = UNSET


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
    """The task's state changed; the final one ends the task's stream. Told as ``Progress`` is."""

    data: StatusData
    task_id: str
    timestamp: Timestamp
    task_type: str | UnsetType = UNSET


class GapData(Struct, rename="camel", frozen=True):
    """Numbers whose entries were lost, both ends included."""

    from_seq_id: int
    to_seq_id: int


class Gap(Event, frozen=True, tag="gap"):
    """Entries that were answered but lost with the live store; the stream goes on after them."""

    data: GapData
    task_id: str
    timestamp: Timestamp


class ReadyData(Struct, rename="camel", frozen=True):
    """What a stream of many tasks tells of: these tasks, and all tasks of these types; without any, all."""

    task_ids: list[str]
    task_types: list[str]
    progress: bool


class Ready(Event, frozen=True, tag="ready"):
    """The first event of a stream of many tasks: what happens from here on is told, or the stream ends."""

    data: ReadyData


TrackEvent: TypeAlias = Progress | StatusChange | Gap
"""``msgspec.json.Decoder(TrackEvent)`` reads the data of any event of one task's stream."""
ManyEvent: TypeAlias = Ready | Progress | StatusChange
"""The same of a stream of many tasks."""
