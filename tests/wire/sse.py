"""Reads an event stream to the byte: frames as sent, comments as they arrive, all with a deadline."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from types import TracebackType
from typing import Any

import httpx

from .rawhttp import DEADLINE, Connection


@dataclass(frozen=True)
class Frame:
    """One block up to its blank line; comment lines are not part of it."""

    raw: bytes

    def field(self, name: str) -> str | None:
        """The value of the field of this name; a frame that has it twice is an error."""
        prefix = f"{name}: "
        found = [line for line in self.raw.decode().split("\n") if line.startswith(prefix)]
        assert len(found) <= 1, f"{name} more than once in {self.raw!r}"
        return found[0].removeprefix(prefix) if found else None

    @property
    def id(self) -> str | None:
        return self.field("id")

    @property
    def event(self) -> str | None:
        return self.field("event")

    @property
    def names(self) -> list[str]:
        """The field names in the order in which they were sent."""
        return [line.partition(":")[0] for line in self.raw.decode().split("\n") if line]

    @property
    def envelope(self) -> dict[str, Any]:
        text = self.field("data")
        assert text is not None, f"no data in {self.raw!r}"
        envelope: dict[str, Any] = json.loads(text)
        return envelope

    @property
    def data(self) -> dict[str, Any]:
        data: dict[str, Any] = self.envelope["data"]
        return data


@dataclass(frozen=True)
class Comment:
    raw: bytes
    arrived: float


class Stream:
    """One open event stream."""

    def __init__(self, connection: Connection, target: str, headers: dict[str, str]) -> None:
        self._connection = connection
        self._buffer = b""
        self.comments: list[Comment] = []
        connection.request("GET", target, headers={"Accept": "text/event-stream", **headers})
        self.status, received = connection.head(time.monotonic() + DEADLINE)
        self.headers = httpx.Headers(received)

    def __enter__(self) -> Stream:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection.close()

    def line(self, deadline: float) -> bytes | None:
        """The next line with its newline, or None when the stream has ended."""
        while b"\n" not in self._buffer:
            piece = self._connection.piece(deadline)
            if piece is None:
                if self._buffer:
                    raise ConnectionError(f"the stream was cut within a line: {self._buffer!r}")
                return None
            self._buffer += piece
        line, _, self._buffer = self._buffer.partition(b"\n")
        return line + b"\n"

    def frame(self, seconds: float = DEADLINE) -> Frame | None:
        """The next frame, or None when the stream has ended between two frames."""
        deadline = time.monotonic() + seconds
        raw = b""
        while not raw.endswith(b"\n\n"):
            line = self.line(deadline)
            if line is None:
                if raw:
                    raise ConnectionError(f"the stream was cut within a frame: {raw!r}")
                return None
            if line.startswith(b":"):
                self.comments.append(Comment(line, time.monotonic()))
            else:
                raw += line
                assert raw != b"\n", "a blank line that ends no frame"
        return Frame(raw)

    def next(self, seconds: float = DEADLINE) -> Frame:
        """The next frame of a stream that must go on."""
        frame = self.frame(seconds)
        assert frame is not None, "the stream ended"
        return frame

    def opening(self) -> Frame:
        """The first frame: it tells the position and dispatches nothing."""
        frame = self.next()
        assert frame.names == ["retry", "id"], frame
        return frame

    def take(self, count: int) -> list[Frame]:
        """The next `count` frames after the opening, which is read if it still stands before them."""
        frames: list[Frame] = []
        while len(frames) < count:
            frame = self.next()
            if frame.names != ["retry", "id"]:
                frames.append(frame)
        return frames

    def rest(self) -> list[Frame]:
        """All frames to the end of the stream, without the opening."""
        frames = []
        while (frame := self.frame()) is not None:
            if frame.names != ["retry", "id"]:
                frames.append(frame)
        return frames

    def comment(self, seconds: float = DEADLINE) -> Comment:
        """The next comment; frames that come before it are passed over."""
        deadline = time.monotonic() + seconds
        while (line := self.line(deadline)) is not None:
            if line.startswith(b":"):
                comment = Comment(line, time.monotonic())
                self.comments.append(comment)
                return comment
        raise AssertionError("the stream ended")
