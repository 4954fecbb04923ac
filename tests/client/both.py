"""One interface over both clients: a scenario is plain code, and says nothing of which client runs it."""

from __future__ import annotations

import asyncio
import inspect
import threading
from collections.abc import AsyncIterator, Coroutine, Iterator
from types import TracebackType
from typing import Any, Final, Self, TypeVar, cast

from tasktracker_client import AsyncStream, AsyncTaskTracker, TaskTracker

T = TypeVar("T")
SECONDS: Final = 120.0
"""After which a step of the asynchronous client hangs."""


class Loop:
    """An event loop in a thread of its own; a ``with`` block starts and ends it."""

    def __enter__(self) -> Self:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="async client")
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.run(self._loop.shutdown_asyncgens())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(SECONDS)
        self._loop.close()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """What the coroutine returns or raises."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(SECONDS)


class Iterated:
    """An asynchronous iterator, iterated from outside its loop."""

    def __init__(self, source: AsyncIterator[Any], loop: Loop) -> None:
        self._source = source
        self._loop = loop

    def __enter__(self) -> Self:
        self._loop.run(self._stream.__aenter__())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.run(self._stream.__aexit__(kind, error, trace))

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        try:
            return self._loop.run(self._next())
        except StopAsyncIteration:
            raise StopIteration from None

    def close(self) -> None:
        self._loop.run(self._stream.aclose())

    @property
    def _stream(self) -> AsyncStream[Any]:
        assert isinstance(self._source, AsyncStream)
        return self._source

    async def _next(self) -> Any:
        return await anext(self._source)


class _Blocking:
    """The methods of ``AsyncTaskTracker`` without their ``await``."""

    def __init__(self, client: AsyncTaskTracker, loop: Loop) -> None:
        self._client = client
        self._loop = loop

    def __enter__(self) -> Self:
        self._loop.run(self._client.__aenter__())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.run(self._client.__aexit__(kind, error, trace))

    def close(self) -> None:
        self._loop.run(self._client.aclose())

    def __repr__(self) -> str:
        return repr(self._client)

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._client, name)
        return self._called(found) if callable(found) else found

    def _called(self, method: Any) -> Any:
        def call(*args: Any, **fields: Any) -> Any:
            outcome = method(*args, **fields)
            if inspect.iscoroutine(outcome):
                return self._loop.run(outcome)
            return Iterated(outcome, self._loop)

        return call


def blocking(client: AsyncTaskTracker, loop: Loop) -> TaskTracker:
    """The asynchronous client, to be called as the synchronous one is."""
    return cast(TaskTracker, _Blocking(client, loop))
