"""Follows one task to its end, and keeps what was seen."""

from collections.abc import Callable
from dataclasses import dataclass, field

from tasktracker_client import AsyncTaskTracker, Gap, Progress, StatusChange, TrackEvent
from tasktracker_schema.names import JsonObject


class LostTrackError(Exception):
    """A task could not be followed to its end."""


@dataclass
class Track:
    """What was seen of one task: its entries in the order they came, and how it ended."""

    task_id: str
    entries: list[JsonObject] = field(default_factory=list)
    gaps: list[Gap] = field(default_factory=list)
    final: JsonObject | None = None
    streams: int = 0

    def take(self, event: TrackEvent) -> None:
        """Keep an event, an entry in the form it is stored in."""
        match event:
            case Progress(seq_id=seq_id, data=data):
                self.entries.append({"seqId": seq_id, **data})
            case Gap():
                self.gaps.append(event)
            case StatusChange(status=status, result=result, error=error):
                self.final = {"status": status, "result": result, "error": error}


async def follow(client: AsyncTaskTracker, track: Track, seen: Callable[[JsonObject], None]) -> None:
    """Read to the end, however many streams it takes."""
    async with client.track(track.task_id) as events:
        async for event in events:
            track.take(event)
            track.streams = events.connections
            if isinstance(event, Progress):
                seen(track.entries[-1])
