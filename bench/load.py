"""The load: a process of its own that keeps connections busy with requests built before.

A raw protocol on uvloop: it reads of an answer what it must (status, length, one telling piece of the body)
and sends the next request at once. It costs 30 to 50 µs of a core for each request.
"""

import asyncio
import multiprocessing
import multiprocessing.connection
import time
from array import array
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import cycle
from typing import Final, cast

import uvloop

HEADER_END: Final = b"\r\n\r\n"
LENGTH: Final = b"content-length:"
SAMPLES: Final = 3
GRACE_SECONDS: Final = 30


@dataclass(frozen=True)
class Load:
    """One window: what to send where, how long, and what a right answer looks like."""

    port: int
    requests: Sequence[bytes]
    status: int
    telling: bytes
    """What the body of a right answer contains."""
    seconds: float | None
    """Without it: until all requests are answered."""
    repeat: bool = False
    """Whether to begin anew when the requests are used up."""
    connections: int = 32


@dataclass
class Counted:
    """What came of it."""

    sent: int = 0
    answers: int = 0
    """The right ones, within the time."""
    seconds: float = 0
    wrong: int = 0
    samples: list[str] = field(default_factory=list)
    """A few of the wrong answers."""
    latencies: "array[float]" = field(default_factory=lambda: array("d"))

    @property
    def rate(self) -> float:
        return self.answers / self.seconds if self.seconds else 0.0

    def percentile(self, share: float) -> float:
        """Milliseconds."""
        ordered = sorted(self.latencies)
        return 1000 * ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0


class Window:
    """What the connections of one window share."""

    def __init__(self, load: Load) -> None:
        self.counted = Counted()
        self.status_line = b"HTTP/1.1 %d " % load.status
        self.telling = load.telling
        self._requests = iter(cycle(load.requests) if load.repeat else load.requests)
        self._open = True
        self._under_way = 0
        self._ended_at = 0.0
        self.over = asyncio.Event()

    def next_request(self) -> bytes | None:
        """The next one to send; none when the window is over."""
        request = next(self._requests, None) if self._open else None
        if request is not None:
            self.counted.sent += 1
            return request
        self.close()
        self._under_way -= 1
        if self._under_way == 0:
            self.over.set()
        return None

    def begin(self, connections: int) -> None:
        self._under_way = connections
        self._began_at = time.perf_counter()

    def close(self) -> None:
        """Count no more, send no more."""
        if self._open:
            self._open = False
            self.counted.seconds = time.perf_counter() - self._began_at

    def take(self, right: bool, answer: bytes, seconds: float) -> None:
        if not right:
            self.counted.wrong += 1
            if len(self.counted.samples) < SAMPLES:
                self.counted.samples.append(answer[:600].decode(errors="replace"))
        elif self._open:
            self.counted.answers += 1
            self.counted.latencies.append(seconds)


class Connection(asyncio.Protocol):
    """One request after the other."""

    def __init__(self, window: Window) -> None:
        self._window = window
        self._buffer = b""
        self._transport: asyncio.Transport
        self._sent_at = 0.0
        self._busy = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's own class is none

    def send_next(self) -> None:
        request = self._window.next_request()
        self._busy = request is not None
        if request is not None:
            self._sent_at = time.perf_counter()
            self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        answer = self._buffer + data if self._buffer else data
        end = answer.find(HEADER_END)
        if end < 0 or len(answer) < end + len(HEADER_END) + body_length(answer, end):
            self._buffer = answer
            return
        self._buffer = b""
        right = answer.startswith(self._window.status_line) and answer.find(self._window.telling, end) > 0
        self._window.take(right, answer, time.perf_counter() - self._sent_at)
        self.send_next()

    def connection_lost(self, error: Exception | None) -> None:
        if self._busy:
            self._window.take(False, f"connection lost: {error}".encode(), 0.0)
            self._window.close()
            self._window.over.set()


def body_length(answer: bytes, end: int) -> int:
    head = answer[:end].lower()
    at = head.find(LENGTH)
    if at < 0:
        return 0
    stop = head.find(b"\r", at)
    return int(head[at + len(LENGTH) : stop if stop > 0 else end])


async def run_window(load: Load) -> Counted:
    """Open the connections, then start the clock."""
    loop = asyncio.get_running_loop()
    window = Window(load)
    opened = [
        await loop.create_connection(lambda: Connection(window), "127.0.0.1", load.port)
        for _ in range(load.connections)
    ]
    window.begin(load.connections)
    for _, connection in opened:
        connection.send_next()
    if load.seconds is not None:
        loop.call_later(load.seconds, window.close)
    async with asyncio.timeout((load.seconds or 600) + GRACE_SECONDS):
        await window.over.wait()
    for transport, _ in opened:
        transport.abort()
    return window.counted


def _process(pipe: "multiprocessing.connection.Connection[Counted, Load | None]") -> None:
    while (load := pipe.recv()) is not None:
        pipe.send(uvloop.run(run_window(load)))


class Generator:
    """The process that makes the load."""

    def __init__(self, pipe: "multiprocessing.connection.Connection[Load | None, Counted]") -> None:
        self._pipe = pipe

    def run(self, load: Load) -> Counted:
        self._pipe.send(load)
        try:
            return self._pipe.recv()
        except EOFError as error:
            raise RuntimeError("the load generator has ended; its error stands above") from error


@contextmanager
def generator() -> Iterator[Generator]:
    """A running one, until the end of the block."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_process, args=(theirs,), daemon=True)
    process.start()
    theirs.close()
    try:
        yield Generator(ours)
    finally:
        ours.close()
        process.terminate()
        process.join()
