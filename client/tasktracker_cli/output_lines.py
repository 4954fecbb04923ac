"""A command's output as lines of text, and those as progress entries. Decisions only.

An entry is ``{"stream": "stdout", "lines": ["…"]}``: what came within a moment on one stream, so that a
command that prints much makes few entries. With ``json_progress`` a line of stdout that is a JSON object is
an entry of its own.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final, Literal, NamedTuple, TypeAlias

import msgspec

from tasktracker_schema.limits import PROGRESS_ENTRY_BYTES

StreamName: TypeAlias = Literal["stdout", "stderr"]

ENTRY_BYTES: Final = PROGRESS_ENTRY_BYTES - 1024
"""Of the lines of one entry; the rest is for what is around them, its number too."""
LINE_BYTES: Final = ENTRY_BYTES - 256
"""Of one line as it was written; the rest is for quotes, and for the word on what was cut."""
ENTRY_LINES: Final = 1_000
LINGER_SECONDS: Final = 0.2
"""How long lines wait for company."""

_encode: Final = msgspec.json.Encoder().encode


class Line(NamedTuple):
    """A line of output."""

    text: str
    is_transient: bool
    """Whether it ended in a carriage return, to be written over by the next one."""


class Splitter:
    """Cuts one stream's bytes into lines; of a line that is too long it keeps the beginning."""

    def __init__(self, line_bytes: int = LINE_BYTES) -> None:
        self._line_bytes = line_bytes
        self._begun = bytearray()
        self._dropped = 0

    def feed(self, chunk: bytes) -> Iterator[Line]:
        """The lines that end in this chunk."""
        for piece in chunk.splitlines(keepends=True):
            # Only \n and \r end a line for bytes; \r\n is kept as one.
            self._add(piece)
            if piece.endswith((b"\n", b"\r")):
                yield from self._take(is_transient=not piece.endswith(b"\n"))

    def end(self) -> Iterator[Line]:
        """What is left without a line end."""
        if self._begun:
            yield from self._take(is_transient=False)

    def _add(self, piece: bytes) -> None:
        text = piece.rstrip(b"\r\n")
        room = self._line_bytes - len(self._begun)
        self._begun += text[:room]
        self._dropped += max(0, len(text) - room)

    def _take(self, *, is_transient: bool) -> Iterator[Line]:
        text = self._begun.decode("utf-8", "replace").replace("\0", "\N{REPLACEMENT CHARACTER}")
        if self._dropped:
            text += f"… ({self._dropped} bytes more)"
        self._begun.clear()
        self._dropped = 0
        if text or not is_transient:
            yield Line(text, is_transient)


@dataclass(slots=True)
class _Entry:
    """An entry that lines are still added to."""

    stream: StreamName
    since: float
    lines: list[bytes] = field(default_factory=list)
    size: int = 0
    ends_transient: bool = False
    whole: bytes | None = None
    """For an entry that is no lines."""

    def takes(self, stream: StreamName, size: int) -> bool:
        return (
            self.whole is None
            and self.stream == stream
            and self.size + size <= ENTRY_BYTES
            and len(self.lines) < ENTRY_LINES
        )

    def add(self, line: bytes, is_transient: bool) -> int:
        """Add a line; by how many bytes that made it grow."""
        before = self.size
        if self.ends_transient:
            self.size -= len(self.lines.pop()) + 1
        self.lines.append(line)
        self.size += len(line) + 1
        self.ends_transient = is_transient
        return self.size - before

    def encoded(self) -> bytes:
        if self.whole is not None:
            return self.whole
        return b'{"stream":"%s","lines":[%s]}' % (self.stream.encode(), b",".join(self.lines))


class Entries:
    """Gathers lines of both streams, in the order they came, into entries."""

    def __init__(self, *, json_progress: bool = False) -> None:
        self._json_progress = json_progress
        self._waiting: deque[_Entry] = deque()
        self.size: int = 0
        """Bytes that wait to be taken."""

    def add(self, stream: StreamName, line: Line, now: float) -> None:
        """Add a line, to the entry before it where that takes it."""
        whole = _object(line.text) if self._json_progress and stream == "stdout" else None
        if whole is not None:
            self._waiting.append(_Entry(stream, now, size=len(whole), whole=whole))
            self.size += len(whole)
            return
        encoded = _fitting(line.text)
        if not self._waiting or not self._waiting[-1].takes(stream, len(encoded) + 1):
            self._waiting.append(_Entry(stream, now))
        self.size += self._waiting[-1].add(encoded, line.is_transient)

    def take(self, now: float, *, all_of_it: bool = False) -> bytes | None:
        """The JSON of the oldest entry, once nothing more goes into it."""
        if not self._waiting or not (all_of_it or self.due_at <= now):
            return None
        entry = self._waiting.popleft()
        self.size -= entry.size
        return entry.encoded()

    @property
    def due_at(self) -> float:
        """The moment from which there is something to take; infinity where nothing waits."""
        if not self._waiting:
            return float("inf")
        first = self._waiting[0]
        is_closed = len(self._waiting) > 1 or first.whole is not None
        return first.since if is_closed else first.since + LINGER_SECONDS


def _object(text: str) -> bytes | None:
    """The line as an entry, if it is one: an object, not too large, without a number of its own."""
    if not text.lstrip().startswith("{"):
        return None
    try:
        value = msgspec.json.decode(text, type=dict[str, Any])
        encoded = _encode(value)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None
    return encoded if "seqId" not in value and len(encoded) <= ENTRY_BYTES else None


def _fitting(text: str) -> bytes:
    """The text as JSON, cut until it fits: what is escaped grows up to six times."""
    encoded = _encode(text)
    while len(encoded) > ENTRY_BYTES - 2:
        text = text[: len(text) * (ENTRY_BYTES - 64) // len(encoded)] + "…"
        encoded = _encode(text)
    return encoded
