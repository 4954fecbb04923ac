"""One deployment's API over kept connections, many calls at once; a broken connection is an answer too."""

import asyncio
import json
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any, Final, NamedTuple, Self
from urllib.parse import urlsplit

HANGS: Final = 30.0
"""Seconds after which a call without an answer fails the test."""
AT_ONCE: Final = 64
_PAUSE: Final = 0.02
TASKS: Final = "/api/v1/tasks"

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Answer(NamedTuple):
    """What a call was answered; ``status`` 0: the connection broke, and nobody knows what was done."""

    status: int
    body: Any
    seconds: float

    @property
    def code(self) -> str:
        """The error's code, or nothing."""
        return self.body.get("code", "") if isinstance(self.body, dict) else ""


class Caller:
    """Calls one instance; an ``async with`` block closes its connections."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self.host, self.port = parts.hostname or "", parts.port or 80
        self._free: list[Streams] = []
        self._turn = asyncio.Semaphore(AT_ONCE)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for _, writer in self._free:
            writer.close()

    async def post(self, path: str, body: object = None) -> Answer:
        return await self.call("POST", f"{TASKS}{path}", body)

    async def get(self, path: str) -> Answer:
        return await self.call("GET", f"{TASKS}{path}")

    async def call(self, method: str, path: str, body: object = None) -> Answer:
        content = b"" if body is None else json.dumps(body).encode()
        head = f"{method} {path} HTTP/1.1\r\nHost: {self.host}\r\nContent-Length: {len(content)}\r\n\r\n"
        try:
            async with self._turn, asyncio.timeout(HANGS):
                began = time.monotonic()
                status, answer = await self._exchange(head.encode() + content)
        except TimeoutError:
            raise AssertionError(f"{method} {path} hangs") from None
        except (OSError, EOFError):
            status, answer = 0, None
        return Answer(status, answer, time.monotonic() - began)

    async def _exchange(self, request: bytes) -> tuple[int, Any]:
        reader, writer = await self._connection()
        try:
            writer.write(request)
            head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
            fields = dict(line.split(": ", 1) for line in head.split("\r\n")[1:] if line)
            content = await reader.readexactly(int(fields.get("content-length", 0)))
        except BaseException:
            writer.close()
            raise
        if fields.get("connection") == "close":
            writer.close()
        else:
            self._free.append((reader, writer))
        return int(head.split()[1]), json.loads(content) if content else None

    async def _connection(self) -> Streams:
        while self._free:
            reader, writer = self._free.pop()
            if not reader.at_eof():
                return reader, writer
            writer.close()
        return await asyncio.open_connection(self.host, self.port, limit=1 << 24)


async def started(caller: Caller, task_ids: list[str], worker: str = "w") -> None:
    """Register these tasks and start each for its first attempt."""
    wanted = [{"taskId": task_id, "taskType": "fault"} for task_id in task_ids]
    answer = await caller.post("/bulk/register", {"tasks": wanted})
    assert answer.status == 200, answer
    assert answer.body["failedCount"] == 0, answer
    answers = await asyncio.gather(*(caller.post(f"/{one}/start", {"workerId": worker}) for one in task_ids))
    assert {answer.status for answer in answers} == {200}


async def until(condition: Callable[[], bool], seconds: float) -> None:
    """Wait for what the other coroutines bring about."""
    for _ in range(int(seconds / _PAUSE)):
        if condition():
            return
        await asyncio.sleep(_PAUSE)
    raise AssertionError(f"still not so after {seconds} s")
