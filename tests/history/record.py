"""What callers write down: each call before it is sent, and what came of it.

A process appends to a file of its own, a line at a time, and each line is out of its hands at once: whoever
is killed leaves everything up to that moment. Times are CLOCK_MONOTONIC in nanoseconds, the same clock for
every process of a machine.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeAlias

import msgspec
from msgspec import Struct

Json: TypeAlias = dict[str, Any]


class Sent(Struct, tag="sent", tag_field="kind"):
    """A call that is about to be sent; an item of a bulk call is a call of its own here."""

    n: int
    """Its number in this file."""
    at: int
    verb: str
    task_id: str | None
    """``None`` for a claim."""
    body: Json
    repeats: int | None = None
    """The number of the call that this one repeats after no answer."""


class Answered(Struct, tag="answered", tag_field="kind"):
    """The answer to a call has been received."""

    n: int
    at: int
    status: int
    body: Any


class Lost(Struct, tag="lost", tag_field="kind"):
    """No answer will come: the connection broke, or it took too long."""

    n: int
    at: int
    why: str


Line: TypeAlias = Sent | Answered | Lost

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Line).decode


class Recorder:
    """Appends to one file; the lines of one call of any method are written together."""

    def __init__(self, file: Path) -> None:
        self._descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o600)
        self._count = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._descriptor)

    @property
    def count(self) -> int:
        """How many calls there are so far."""
        return self._count

    def sending(self, verb: str, calls: Sequence[tuple[str | None, Json, int | None]]) -> list[int]:
        """Before calls (task, body, which one it repeats) are sent; answers their numbers."""
        now = time.monotonic_ns()
        first = self._count
        self._count += len(calls)
        numbers = list(range(first, self._count))
        self._write(
            [
                Sent(n, now, verb, task_id, body, repeats)
                for n, (task_id, body, repeats) in zip(numbers, calls, strict=True)
            ]
        )
        return numbers

    def answered(self, answers: Sequence[tuple[int, int, Any]]) -> None:
        """After answers (number, status, body) were received."""
        now = time.monotonic_ns()
        self._write([Answered(n, now, status, body) for n, status, body in answers])

    def lost(self, numbers: Sequence[int], why: str) -> None:
        """When no answer will come any more."""
        now = time.monotonic_ns()
        self._write([Lost(n, now, why) for n in numbers])

    def _write(self, lines: Sequence[Line]) -> None:
        data = b"".join(_encode(line) + b"\n" for line in lines)
        written = os.write(self._descriptor, data)
        if written != len(data):
            raise OSError(f"only {written} of {len(data)} bytes of the record were written")


def lines_of(file: Path) -> Iterator[Line]:
    """The record of one process; its last line may be torn where it was killed."""
    with file.open("rb") as stream:
        for line in stream:
            if line.endswith(b"\n"):
                yield _decode(line)
