"""What an endpoint is given, and what it may learn of its caller."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar, cast

from msgspec import Struct
from tornado.httputil import HTTPHeaders

from tasktracker_server.core.errors import AttemptRequired
from tasktracker_server.http.options import HttpOptions
from tasktracker_server.http.ports import Frames, Service
from tasktracker_server.http.turns import Turns

T = TypeVar("T")


class CallerGone(Exception):
    """The caller hung up while its call was waiting: there is nobody to answer."""


class EventStream(Struct, frozen=True):
    """An answer without an end of its own."""

    first: bytes
    """The first frame: until it is there an error can still be told as JSON."""
    frames: Frames


class Call:
    """One request, read whole."""

    __slots__ = (
        "_then",
        "body",
        "gone",
        "headers",
        "options",
        "query",
        "request_id",
        "service",
        "task_id",
        "turns",
    )

    def __init__(
        self, service: Service, options: HttpOptions, turns: Turns, task_id: str, request_id: str
    ) -> None:
        self.service = service
        self.options = options
        self.turns = turns
        self.task_id = task_id
        self.request_id = request_id
        self.body = b""
        self.query = ""
        self.headers: HTTPHeaders
        self.gone = False
        """Whether the caller hung up."""
        self._then: Callable[[], object] | None = None

    def hang_up(self) -> None:
        """The caller closed the connection."""
        self.gone = True
        then, self._then = self._then, None
        if then is not None:
            then()

    def when_gone(self, then: Callable[[], object] | None) -> None:
        """What to do when the caller hangs up from now on; None for nothing."""
        self._then = then

    async def unless_gone(self, work: Coroutine[Any, Any, T]) -> T:
        """Await ``work``; it is cancelled when the caller hangs up, and then raises `CallerGone`.

        Where the work is done before the cancellation reaches it, its result is returned: the caller of
        this is told by ``gone`` that nobody waits for it.
        """
        if self.gone:
            work.close()
            raise CallerGone
        task = cast("asyncio.Task[Any]", asyncio.current_task())
        self._then = task.cancel
        try:
            return await work
        except asyncio.CancelledError:
            if self.gone:
                raise CallerGone from None
            raise
        finally:
            self._then = None
            if self.gone:
                task.uncancel()

    def check_identity(self, worker_id: str | None, attempt: int | None) -> None:
        """Hold worker writes to naming their worker and attempt, where the deployment wants that."""
        if not self.options.require_attempt:
            return
        for name, value in (("workerId", worker_id), ("attempt", attempt)):
            if value is None:
                raise AttemptRequired(f"`$.{name}` is missing; this service wants workerId and attempt here.")

    async def stream(self, frames: Frames) -> EventStream:
        """Begin a stream of these frames; errors before the first one are raised here."""
        try:
            first = await self.unless_gone(_first(frames))
        except BaseException:
            await frames.aclose()
            raise
        return EventStream(first, frames)


async def _first(frames: Frames) -> bytes:
    return await anext(frames, b"")
