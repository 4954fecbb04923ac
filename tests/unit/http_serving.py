"""The HTTP layer on a real port, before a service that says what a test wants it to say."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar, cast

from tasktracker_schema import answers, requests
from tasktracker_server.core.errors import TaskNotFound
from tasktracker_server.core.opaque import Entry
from tasktracker_server.core.shapes import row_of
from tasktracker_server.http.options import HttpOptions
from tasktracker_server.http.ports import Frames
from tasktracker_server.http.server import HttpServer
from wire.rawhttp import Connection

T = TypeVar("T")

AT = cast(Any, "2026-01-31T12:00:00.000Z")
"""As services give times: wire text."""


def task(task_id: str = "t-1", result: Any = None) -> answers.Task:
    return answers.Task(
        id=task_id,
        task_type="a",
        status="in_progress",
        metadata=None,
        params=None,
        result=result,
        error=None,
        progress_history=None,
        timeout_seconds=1,
        worker_id="w",
        original_task_id=None,
        retry_count=0,
        created_at=AT,
        updated_at=AT,
        started_at=AT,
        completed_at=None,
        timeout_at=AT,
        attempt=1,
        max_attempts=None,
        priority=0,
        run_at=None,
        lease_expires_at=None,
        max_retries=0,
        cancel_requested_at=None,
        new_task_id=None,
        last_seq_id=None,
        last_progress=None,
    )


class Scripted:
    """Frames from a plain generator; tells when it was closed."""

    def __init__(self, chunks: AsyncIterator[bytes]) -> None:
        self._chunks = chunks
        self.closed = threading.Event()

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        return await anext(self._chunks)

    async def aclose(self) -> None:
        self.closed.set()


@dataclass
class Answering:
    """All services in one; a test replaces the methods it is about."""

    version: str = "1.2.3"
    readiness_now: answers.Readiness = field(default_factory=lambda: answers.Readiness("ready", "ok", "ok"))
    entries: list[Entry] = field(default_factory=list)
    given_back: list[str] = field(default_factory=list)
    frames: Frames | None = None
    claimed: Callable[[], Coroutine[Any, Any, answers.Task | None]] | None = None

    single = bulk = tasks = progress = finishing = leases = property(lambda self: self)
    claims = tracking = watching = paging = finding = statistics = health = property(lambda self: self)

    async def register(self, wanted: requests.RegisterTask, /) -> answers.RegisteredTask:
        return answers.RegisteredTask(wanted.task_id or "new", "pending", AT, AT)

    async def get(self, task_id: str, with_progress: bool, /) -> answers.Task:
        if task_id == "unknown":
            raise TaskNotFound(task_id)
        return task(task_id, result={"withProgress": with_progress})

    async def start(self, task_id: str, wanted: requests.StartTask, /) -> answers.StartedTask:
        return answers.StartedTask(task_id, "in_progress", AT, 1, None)

    async def complete(
        self, task_id: str, wanted: requests.CompleteTask, last: Sequence[Entry] = (), /
    ) -> answers.EndedTask:
        return answers.EndedTask(task_id, "completed", AT)

    async def fail(
        self, task_id: str, wanted: requests.FailTask, last: Sequence[Entry] = (), /
    ) -> answers.FailedTask:
        return answers.FailedTask(task_id, "failed", AT, None)

    async def time_out(self, task_id: str, wanted: requests.TimeOutTask, /) -> answers.EndedTask:
        return answers.EndedTask(task_id, "timeout", AT)

    async def release(self, task_id: str, wanted: requests.ReleaseTask, /) -> answers.ReleasedTask:
        return answers.ReleasedTask(task_id, "pending", "back")

    async def heartbeat(self, task_id: str, wanted: requests.HeartbeatTask, /) -> answers.Heartbeat:
        return answers.Heartbeat(task_id, "in_progress", None, AT, False)

    async def cancel(self, task_id: str, wanted: requests.CancelTask, /) -> answers.CancelledTask:
        return answers.CancelledTask(task_id, "in_progress", AT, True)

    async def retry(self, task_id: str, /) -> answers.RetriedTask:
        return answers.RetriedTask("new", task_id, "pending", 1)

    async def process_timeouts(self) -> int:
        return 3

    async def report(
        self, task_id: str, entries: Sequence[Entry], worker_id: str | None, attempt: int | None, /
    ) -> answers.ReportedProgress:
        self.entries += entries
        return answers.ReportedProgress(task_id, len(entries), AT, 1, False)

    async def claim(self, wanted: requests.ClaimTask, /) -> answers.Task | None:
        return None if self.claimed is None else await self.claimed()

    async def claim_many(self, wanted: requests.BulkClaim, /) -> answers.ClaimedTasks:
        found = None if self.claimed is None else await self.claimed()
        return answers.ClaimedTasks([] if found is None else [row_of(found)])

    async def give_back(self, tasks: Sequence[answers.Task | answers.TaskRow], /) -> None:
        self.given_back += [each.id for each in tasks]

    async def open(
        self, task_id: str, query: requests.TrackQuery, last_event_id: str | None, /
    ) -> Frames | None:
        if task_id == "unknown":
            raise TaskNotFound(task_id)
        return self.frames

    async def page(self, query: requests.ListTasksQuery, /) -> answers.TaskPage:
        return answers.TaskPage([], query.cursor)

    async def now(self) -> answers.Stats:
        hour = answers.HourCounts(0, 0, 0, 0)
        return answers.Stats(answers.ActiveCounts(0, 0), None, hour, [])

    async def readiness(self) -> answers.Readiness:
        return self.readiness_now


@dataclass
class Serving:
    """A server in a thread of its own."""

    service: Answering
    server: HttpServer
    loop: asyncio.AbstractEventLoop
    url: str
    _opened: list[Connection] = field(default_factory=list)

    def connect(self) -> Connection:
        """A new connection, closed with the server."""
        connection = Connection(self.url)
        self._opened.append(connection)
        return connection

    def start(self, work: Coroutine[Any, Any, T]) -> "Future[T]":
        """Run this within the server's loop."""
        return asyncio.run_coroutine_threadsafe(work, self.loop)

    def close_connections(self) -> None:
        for connection in self._opened:
            connection.close()


@contextmanager
def serving(service: Answering | None = None, options: HttpOptions | None = None) -> Iterator[Serving]:
    """Serve while the block runs."""
    ready: Future[Serving] = Future()
    stop = asyncio.Event()

    async def serve() -> None:
        answering = service or Answering()
        server = HttpServer(answering, options)
        host, port = server.listen("127.0.0.1", 0)[0]
        ready.set_result(Serving(answering, server, asyncio.get_running_loop(), f"http://{host}:{port}"))
        await stop.wait()
        await server.drain(0.1)

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    try:
        running = ready.result(10)
        try:
            yield running
        finally:
            running.close_connections()
            running.loop.call_soon_threadsafe(stop.set)
    finally:
        thread.join(20)
