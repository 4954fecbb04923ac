"""What this process has heard of single tasks lately: each event encoded once, for all who follow it."""

import asyncio
from collections import deque
from typing import Literal, NamedTuple

from tasktracker_server.core import frames
from tasktracker_server.core.changes import Step
from tasktracker_server.core.channels import of_task
from tasktracker_server.core.entries import Entry
from tasktracker_server.service.ports import EventBus

_RING_FRAMES = 2_000
_RING_BYTES = 1024 * 1024


class Heard(NamedTuple):
    """One event as it came over the bus."""

    kind: Literal["progress", "lifecycle", "final"]
    seq_id: int
    """The entry's number; of a final event, the last number of the task."""
    frame: bytes
    step: Step | None = None
    """Of a change: where it led to."""


class Topic:
    """A bounded ring of the latest events; readers hold a place in it, not a queue of their own."""

    def __init__(self, task_id: str) -> None:
        self.task_id = task_id
        self.base = 0
        """Place of the oldest event that is still here."""
        self._ring: deque[Heard] = deque()
        self._bytes = 0
        self._woken: set[asyncio.Event] = set()
        self.readers = 0

    @property
    def head(self) -> int:
        """The place after the newest event."""
        return self.base + len(self._ring)

    def at(self, place: int) -> Heard:
        """The event at a place from ``base`` to before ``head``."""
        return self._ring[place - self.base]

    def hear(self, message: bytes) -> None:
        """Take a message of the task's channel: ``P`` entries, ``L`` lifecycle, ``F`` final."""
        head, _, body = message.partition(b"\n")
        match head[:1]:
            case b"P":
                for stored in body.split(b"\n"):
                    entry = Entry.parse(stored)
                    self._push(Heard("progress", entry.seq_id, frames.progress(entry, self.task_id)))
            case b"L":
                self._push(Heard("lifecycle", 0, frames.lifecycle(body), Step.read(head[1:])))
            case b"F":
                last, _, status = head[1:].partition(b"|")
                self._push(Heard("final", int(last), frames.final(int(last), status.decode(), body)))
        self.wake()

    def _push(self, heard: Heard) -> None:
        self._ring.append(heard)
        self._bytes += len(heard.frame)
        while len(self._ring) > _RING_FRAMES or (self._bytes > _RING_BYTES and len(self._ring) > 1):
            self._bytes -= len(self._ring.popleft().frame)
            self.base += 1

    def wake(self) -> None:
        """Have every reader look."""
        for woken in self._woken:
            woken.set()

    def join(self) -> asyncio.Event:
        """An event that is set whenever there is something to look at."""
        woken = asyncio.Event()
        self._woken.add(woken)
        return woken

    def leave(self, woken: asyncio.Event) -> None:
        """Be woken no longer."""
        self._woken.discard(woken)


class Topics:
    """The tasks that are followed in this process; all who follow the same one share its subscription."""

    def __init__(self, bus: EventBus) -> None:
        self._bus = bus
        self._topics: dict[str, Topic] = {}
        self._subscribing: dict[str, asyncio.Task[bool]] = {}

    @property
    def task_ids(self) -> list[str]:
        """The tasks that are followed."""
        return list(self._topics)

    async def join(self, task_id: str) -> Topic:
        """The task's topic, being heard by now if the bus is up at all; ``part`` from it afterwards."""
        topic = self._topics.get(task_id)
        if topic is None:
            topic = self._topics[task_id] = Topic(task_id)
            subscribing = self._bus.subscribe([of_task(task_id)], topic.hear)
            self._subscribing[task_id] = asyncio.create_task(subscribing)
        topic.readers += 1
        try:
            await asyncio.shield(self._subscribing[task_id])
        except BaseException:
            await self.part(topic)
            raise
        return topic

    async def part(self, topic: Topic) -> None:
        """Somebody follows the task no longer."""
        topic.readers -= 1
        if topic.readers == 0:
            del self._topics[topic.task_id], self._subscribing[topic.task_id]
            await self._bus.unsubscribe([of_task(topic.task_id)], topic.hear)
