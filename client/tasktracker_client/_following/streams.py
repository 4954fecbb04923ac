"""Streams as callers hold them; their steps come from a flow."""

import asyncio
import inspect
import time
from collections.abc import AsyncIterator, Callable, Iterator
from types import TracebackType
from typing import Any, Final, Generic, Self, TypeVar

import httpx
from httpx_sse import EventSource, ServerSentEvent

from tasktracker_client._calling.calls import Call, Sleep
from tasktracker_client._calling.driving import request_of, timeout_of
from tasktracker_client._calling.patience import Interrupted
from tasktracker_client._config import Config
from tasktracker_client._following.tracking import Emit, Following, Frame, OpenStream, ReadFrame, Step, Told

E = TypeVar("E")
_HEADERS: Final = {"Accept": "text/event-stream", "Cache-Control": "no-store"}


def _request(step: OpenStream, config: Config, http: httpx.Client | httpx.AsyncClient) -> httpx.Request:
    config.check_process()
    begun = min(config.timeout, step.silence_seconds)
    timeout = timeout_of(begun, step.silence_seconds - begun)
    headers = config.headers | _HEADERS
    return http.build_request("GET", config.base_url + step.path, headers=headers, timeout=timeout)


def _frame(sse: ServerSentEvent) -> Frame:
    return Frame(sse.id, sse.data)


class _Heard(httpx.SyncByteStream):
    """A response's bytes, telling whenever some come: heartbeats are no frames and would pass unnoticed."""

    def __init__(self, stream: httpx.SyncByteStream, on_bytes: Callable[[], None]) -> None:
        self._stream = stream
        self._on_bytes = on_bytes

    def __iter__(self) -> Iterator[bytes]:
        for chunk in self._stream:
            self._on_bytes()
            yield chunk

    def close(self) -> None:
        self._stream.close()


class _AsyncHeard(httpx.AsyncByteStream):
    """The same for an asynchronous response."""

    def __init__(self, stream: httpx.AsyncByteStream, on_bytes: Callable[[], None]) -> None:
        self._stream = stream
        self._on_bytes = on_bytes

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for chunk in self._stream:
            self._on_bytes()
            yield chunk

    async def aclose(self) -> None:
        await self._stream.aclose()


class _Steps:
    """Where a stream stands between two steps, the same for both worlds."""

    def __init__(self, steps: Following) -> None:
        self._steps = steps
        self._told: Told = None
        self._failure: BaseException | None = None
        self.connections = 0
        """How many it took so far: one more than it was cut and resumed."""

    def _next_step(self) -> Step:
        """The next step; raises what ended the stream again, lest a second look reads it as the end."""
        if self._failure is not None:
            raise self._failure
        told, self._told = self._told, None
        return self._steps.send(told)

    def _note(self, error: BaseException) -> None:
        """What ended the flow ends the stream; an interruption from outside only breaks its connection."""
        if inspect.getgeneratorstate(self._steps) is inspect.GEN_CLOSED:
            self._failure = None if isinstance(error, StopIteration) else error
        else:
            self._told = Interrupted()


class Stream(_Steps, Generic[E]):
    """Events, one by one; ends when there is nothing more to tell.

    Iterating to the end frees the connection, and so does leaving a ``with`` block or ``close``.
    """

    def __init__(self, steps: Following, config: Config, http: httpx.Client) -> None:
        super().__init__(steps)
        self._config = config
        self._http = http
        self._response: httpx.Response | None = None
        self._frames: Iterator[ServerSentEvent] = iter(())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> E:
        try:
            while True:
                step = self._next_step()
                if isinstance(step, Emit):
                    event: E = step.event
                    return event
                self._told = self._take(step)
        except BaseException as error:
            self._note(error)
            self._hang_up()
            raise

    def close(self) -> None:
        """Free the connection; nothing more is told."""
        self._steps.close()
        self._hang_up()

    def _take(self, step: Step) -> Told:
        if isinstance(step, ReadFrame):
            return self._read()
        self._hang_up()
        if isinstance(step, OpenStream):
            return self._open(step)
        if isinstance(step, Call):
            return self._call(step)
        if isinstance(step, Sleep):
            time.sleep(step.seconds)
        return None

    def _call(self, call: Call[Any]) -> Told:
        try:
            return self._http.send(request_of(call, self._config, self._http))
        except httpx.RequestError as error:
            return error

    def _open(self, step: OpenStream) -> Told:
        try:
            response = self._http.send(_request(step, self._config, self._http), stream=True)
            self._response = response
            if not response.is_success:
                response.read()
                return response
            self.connections += 1
            if isinstance(response.stream, httpx.SyncByteStream):
                response.stream = _Heard(response.stream, step.on_bytes)
            self._frames = EventSource(response).iter_sse()
        except httpx.RequestError as error:
            return error
        return response

    def _read(self) -> Told:
        try:
            return _frame(next(self._frames))
        except StopIteration:
            return None
        except httpx.RequestError as error:
            return error

    def _hang_up(self) -> None:
        response, self._response, self._frames = self._response, None, iter(())
        if response is not None:
            response.close()


class AsyncStream(_Steps, Generic[E]):
    """Events, one by one; ends when there is nothing more to tell.

    Iterating to the end frees the connection, and so does leaving an ``async with`` block or ``aclose``.
    """

    def __init__(self, steps: Following, config: Config, http: httpx.AsyncClient) -> None:
        super().__init__(steps)
        self._config = config
        self._http = http
        self._response: httpx.Response | None = None
        self._frames: AsyncIterator[ServerSentEvent] | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> E:
        try:
            while True:
                step = self._next_step()
                if isinstance(step, Emit):
                    event: E = step.event
                    return event
                self._told = await self._take(step)
        except BaseException as error:
            self._note(error)
            await self._hang_up()
            if isinstance(error, StopIteration):
                raise StopAsyncIteration from None
            raise

    async def aclose(self) -> None:
        """Free the connection; nothing more is told."""
        self._steps.close()
        await self._hang_up()

    async def _take(self, step: Step) -> Told:
        if isinstance(step, ReadFrame):
            return await self._read()
        await self._hang_up()
        if isinstance(step, OpenStream):
            return await self._open(step)
        if isinstance(step, Call):
            return await self._call(step)
        if isinstance(step, Sleep):
            await asyncio.sleep(step.seconds)
        return None

    async def _call(self, call: Call[Any]) -> Told:
        try:
            return await self._http.send(request_of(call, self._config, self._http))
        except httpx.RequestError as error:
            return error

    async def _open(self, step: OpenStream) -> Told:
        try:
            response = await self._http.send(_request(step, self._config, self._http), stream=True)
            self._response = response
            if not response.is_success:
                await response.aread()
                return response
            self.connections += 1
            if isinstance(response.stream, httpx.AsyncByteStream):
                response.stream = _AsyncHeard(response.stream, step.on_bytes)
            self._frames = EventSource(response).aiter_sse()
        except httpx.RequestError as error:
            return error
        return response

    async def _read(self) -> Told:
        assert self._frames is not None  # noqa: S101 - a flow reads only what it opened
        try:
            return _frame(await anext(self._frames))
        except StopAsyncIteration:
            return None
        except httpx.RequestError as error:
            return error

    async def _hang_up(self) -> None:
        response, self._response, self._frames = self._response, None, None
        if response is not None:
            await response.aclose()
