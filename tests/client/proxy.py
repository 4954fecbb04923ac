"""A proxy in front of one instance that does to each request what the test says.

It runs in a thread of its own and passes on what it knows nothing of. ``rule`` is asked about every request
in turn, and answers with a fate; ``None`` passes it.
"""

from __future__ import annotations

import asyncio
import random
import threading
from collections.abc import Callable, Coroutine
from contextlib import closing, suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Final, Self, TypeVar
from urllib.parse import urlsplit

from history.connection import Message, read_message
from services import wait_for

T = TypeVar("T")
SECONDS: Final = 30.0
_LIMIT: Final = 1 << 24
_LOOK_SECONDS: Final = 0.05
"""How often it looks whether a caller has left."""


@dataclass(frozen=True)
class Dropped:
    """The service carries the request out, and the caller never hears of it."""


@dataclass(frozen=True)
class Answered:
    """The proxy answers, and the service never hears of it."""

    status: str
    body: bytes = b""
    headers: str = ""

    @property
    def written(self) -> bytes:
        head = f"HTTP/1.1 {self.status}\r\n{self.headers}Content-Length: {len(self.body)}\r\n\r\n"
        return head.encode() + self.body


@dataclass(frozen=True)
class Swallowed:
    """The request arrives nowhere, and nothing is ever answered."""


@dataclass(frozen=True)
class CutAfter:
    """So many bytes of the answer pass, then the connection is reset."""

    size: int


@dataclass(frozen=True)
class MutedAfter:
    """So many bytes of the answer pass, the rest is kept until it is whole: a proxy that buffers."""

    size: int


Fate = Dropped | Answered | Swallowed | CutAfter | MutedAfter | None
Rule = Callable[[str, str], Fate]
"""What becomes of a request of this method and path."""


class Proxy:
    """Listens on a port of its own; a ``with`` block starts and ends it."""

    def __init__(self, url: str, rule: Rule | None = None) -> None:
        self.target = url
        """Where requests go; may change while it runs."""
        self.rule: Rule | None = rule
        self.requests: list[tuple[str, str]] = []
        """Method and path of all that came."""
        self.open = 0
        """Connections of callers."""
        self.opened = 0
        """The same, those gone included."""
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    def __enter__(self) -> Self:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxy")
        self._thread.start()
        self._server = self._run(
            asyncio.start_server(self._serve, "127.0.0.1", 0, limit=_LIMIT, backlog=1024)
        )
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._run(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(SECONDS)
        self._loop.close()

    def cut_all(self) -> None:
        """Reset every connection there is."""
        self._run(self._reset())

    def cut_some(self, chance: random.Random, share: float) -> None:
        """Reset some of them."""
        self._run(self._reset(chance, share))

    def count(self, path_part: str) -> int:
        """Requests to paths with this in them."""
        return sum(path_part in path for _, path in list(self.requests))

    def wait_for_request(self, path_part: str, times: int = 1) -> None:
        """Until that many have come."""
        assert wait_for(lambda: self.count(path_part) >= times, SECONDS), self.requests

    def wait_until_left(self, connections: int = 0) -> None:
        """Until callers have closed all connections but so many."""
        assert wait_for(lambda: self.open <= connections, SECONDS), f"{self.open} are open still"

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(SECONDS)

    async def _end(self) -> None:
        self._server.close()
        await self._reset()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _reset(self, chance: random.Random | None = None, share: float = 1.0) -> None:
        for writer in list(self._writers):
            if chance is None or chance.random() < share:
                writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self._writers.add(writer)
        self.open, self.opened = self.open + 1, self.opened + 1
        try:
            with closing(writer), suppress(OSError, EOFError, asyncio.CancelledError):
                while await self._pass(await read_message(reader), reader, writer):
                    pass
        finally:
            self._tasks.discard(task)
            self._writers.discard(writer)
            self.open -= 1

    async def _pass(
        self, request: Message, from_caller: asyncio.StreamReader, to_caller: asyncio.StreamWriter
    ) -> bool:
        method, path, _ = request.head.decode().split(" ", 2)
        self.requests.append((method, path))
        match self.rule(method, path) if self.rule else None:
            case Answered() as answer:
                to_caller.write(answer.written)
                return True
            case Swallowed():
                await from_caller.read()
                return False
            case fate:
                return await self._ask(request, fate, from_caller, to_caller)

    async def _ask(
        self, request: Message, fate: Fate, from_caller: asyncio.StreamReader, to_caller: asyncio.StreamWriter
    ) -> bool:
        parts = urlsplit(self.target)
        from_service, to_service = await asyncio.open_connection(parts.hostname, parts.port, limit=_LIMIT)
        with closing(to_service):
            to_service.write(request.head + request.body)
            answer = asyncio.ensure_future(_answer(request, from_service, to_caller, fate))
            try:
                while not answer.done() and not from_caller.at_eof():
                    await asyncio.wait({answer}, timeout=_LOOK_SECONDS)
            finally:
                answer.cancel()
            return await answer


async def _answer(
    request: Message, from_service: asyncio.StreamReader, to_caller: asyncio.StreamWriter, fate: Fate
) -> bool:
    """Whether the connection may be used again."""
    path = request.head.split(b" ", 2)[1].partition(b"?")[0]
    if fate is None and not path.endswith((b"/track", b"/events")):
        answer = await read_message(from_service)
        to_caller.write(answer.head + answer.body)
        return True
    if isinstance(fate, Dropped):
        await read_message(from_service)
    else:
        await _tell(from_service, to_caller, fate)
    return False


async def _tell(from_service: asyncio.StreamReader, to_caller: asyncio.StreamWriter, fate: Fate) -> None:
    passed, kept = 0, b""
    while chunk := await from_service.read(1 << 16):
        if isinstance(fate, CutAfter) and passed + len(chunk) >= fate.size:
            to_caller.write(chunk[: fate.size - passed])
            await to_caller.drain()
            return
        if isinstance(fate, MutedAfter):
            free = max(0, fate.size - passed)
            chunk, kept = chunk[:free], kept + chunk[free:]
        passed += len(chunk)
        to_caller.write(chunk)
        await to_caller.drain()
    to_caller.write(kept)
    await to_caller.drain()


def first(times: int, fate: Fate, path_part: str = "") -> Rule:
    """This fate for the first requests to paths with this in them."""
    left = [times]

    def rule(method: str, path: str) -> Fate:
        if path_part not in path or left[0] <= 0:
            return None
        left[0] -= 1
        return fate

    return rule


def always(fate: Fate, path_part: str = "") -> Rule:
    """This fate for all requests to paths with this in them."""
    return lambda method, path: fate if path_part in path else None
