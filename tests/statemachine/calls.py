"""Calls the service over HTTP and reads what it answers; judges nothing."""

from __future__ import annotations

from types import TracebackType
from typing import Any, NamedTuple, Protocol, Self

from wire.driver import TASKS, Driver
from wire.sse import Frame, Stream

Json = dict[str, Any]


class Answer(NamedTuple):
    """A status and the JSON that came with it."""

    status: int
    body: Any


class Event(NamedTuple):
    """One frame of a stream."""

    id: str | None
    name: str | None
    envelope: Json | None
    """``None`` for the opening, which tells a position only."""


class Following(Protocol):
    """A stream that is being read."""

    status: int

    def opening(self) -> Event:
        """The first frame."""
        ...

    def events(self, count: int | None) -> list[Event]:
        """The next ``count`` events, or all to the end of the stream."""
        ...

    def close(self) -> None: ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class Calls(Protocol):
    """What can be asked of a service."""

    def post(self, verb: str, task_id: str | None, body: Json) -> Answer:
        """Do something to a task; ``register`` and ``claim`` name none."""
        ...

    def get(self, task_id: str, query: str = "") -> Answer:
        """Read a task."""
        ...

    def track(self, task_id: str, query: str = "", last_event_id: str | None = None) -> Following:
        """Open a stream; the caller closes it."""
        ...


class HttpFollowing:
    """A stream over a socket of its own."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self.status = stream.status

    def opening(self) -> Event:
        return _event(self._stream.opening())

    def events(self, count: int | None) -> list[Event]:
        frames = self._stream.rest() if count is None else self._stream.take(count)
        return [_event(frame) for frame in frames]

    def close(self) -> None:
        self._stream.__exit__(None, None, None)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class HttpCalls:
    """Writes go to the first instance, reads and streams to the last."""

    def __init__(self, driver: Driver) -> None:
        self._driver = driver

    def post(self, verb: str, task_id: str | None, body: Json) -> Answer:
        path = {"register": "", "claim": "/claim"}.get(verb, f"/{task_id}/{verb}")
        answer = self._driver.write.post(f"{TASKS}{path}", json=body)
        return Answer(answer.status_code, answer.json())

    def get(self, task_id: str, query: str = "") -> Answer:
        answer = self._driver.get(task_id, query)
        return Answer(answer.status_code, answer.json())

    def track(self, task_id: str, query: str = "", last_event_id: str | None = None) -> Following:
        return HttpFollowing(self._driver.track(task_id, query, last_event_id))


def _event(frame: Frame) -> Event:
    return Event(frame.id, frame.event, frame.envelope if "data" in frame.names else None)
