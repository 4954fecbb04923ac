"""Follows one task to its end over server-sent events, through as many streams as it takes."""

import asyncio
import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

import httpx
import httpx_sse

from tasktracker_schema.names import JsonObject
from tasktracker_schema.routes import BASE_PATH

HEARTBEAT_SECONDS: Final = 5
SILENCE_SECONDS: Final = 3 * HEARTBEAT_SECONDS
"""A stream that is silent this long is taken for lost."""
REOPEN_AFTER: Final = (0.05, 0.2, 0.5, 1.0, 2.0, 4.0)
"""Pauses before a stream, by how many in a row could not be opened."""


class LostTrackError(Exception):
    """A task could not be followed to its end."""


@dataclass
class Track:
    """What was seen of one task: its entries in the order they came, and how it ended."""

    task_id: str
    entries: list[JsonObject] = field(default_factory=list)
    gaps: list[JsonObject] = field(default_factory=list)
    final: JsonObject | None = None
    streams: int = 0

    @property
    def position(self) -> int:
        """Where the next stream has to go on."""
        return int(self.entries[-1]["seqId"]) if self.entries else 0


Seen = Callable[[JsonObject], None]


async def follow(http: httpx.AsyncClient, track: Track, seen: Seen) -> None:
    """Read streams until one of them tells the end; a stream that only stops is resumed."""
    refused = 0
    while track.final is None:
        if refused == len(REOPEN_AFTER):
            raise LostTrackError(f"the stream of {track.task_id} could not be resumed")
        await asyncio.sleep(REOPEN_AFTER[refused])
        before = track.streams
        with suppress(httpx.TransportError):  # cut, or not opened: the next one goes on from the same place
            await _read_stream(http, track, seen)
        refused = 0 if track.streams > before else refused + 1


async def _read_stream(http: httpx.AsyncClient, track: Track, seen: Seen) -> None:
    wish = {"afterSeqId": track.position, "heartbeatSeconds": HEARTBEAT_SECONDS}
    timeout = httpx.Timeout(10, read=SILENCE_SECONDS)
    path = f"{BASE_PATH}/{track.task_id}/track"
    async with httpx_sse.aconnect_sse(http, "GET", path, params=wish, timeout=timeout) as stream:
        if stream.response.status_code == httpx.codes.SERVICE_UNAVAILABLE:
            return
        if stream.response.status_code != httpx.codes.OK:
            raise LostTrackError(f"{path} was answered {stream.response.status_code}")
        track.streams += 1
        async for event in stream.aiter_sse():
            if event.data:  # the opening frame only tells a position
                _take(track, json.loads(event.data), seen)
            if track.final is not None:
                return


def _take(track: Track, envelope: JsonObject, seen: Seen) -> None:
    kind, data = envelope["event"], envelope["data"]
    if kind == "progress":
        track.entries.append(data)
        seen(data)
    elif kind == "gap":
        track.gaps.append(data)
    elif kind == "status_change" and data.get("final", True):
        track.final = data
