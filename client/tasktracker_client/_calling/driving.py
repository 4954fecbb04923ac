"""Takes the steps of a flow: the only place where calls meet the network."""

import asyncio
import time
from collections.abc import Callable
from typing import Any, Final

import httpx

from tasktracker_client._calling.calls import Answer, Call, Flow, Sleep, T
from tasktracker_client._config import Config

_LIMITS: Final = httpx.Limits(max_connections=None)
"""A stream holds a connection; how many there are is for the caller to say."""
_SHORTEST_SECONDS: Final = 0.001
"""What a socket takes for a time at all."""
_DIRECT: Final = dict.fromkeys(("all://localhost", "all://127.0.0.1", "all://[::1]"))
"""Never by way of a proxy that the environment names."""


def new_http() -> httpx.Client:
    """A client for one service."""
    return httpx.Client(limits=_LIMITS, mounts=_DIRECT)


def new_async_http() -> httpx.AsyncClient:
    """The same, asynchronous."""
    return httpx.AsyncClient(limits=_LIMITS, mounts=_DIRECT)


def request_of(call: Call[Any], config: Config, http: httpx.Client | httpx.AsyncClient) -> httpx.Request:
    """The request of one call. Raises ``RuntimeError`` in a process that was forked off."""
    config.check_process()
    return http.build_request(
        call.method,
        config.base_url + call.path,
        content=call.body,
        headers=config.headers,
        timeout=timeout_of(min(config.timeout, call.at_most), call.wait_seconds),
    )


def timeout_of(seconds: float, wait_seconds: float = 0.0) -> httpx.Timeout:
    """Patience with a peer; for its answer as much longer as it was asked to wait."""
    seconds = max(seconds, _SHORTEST_SECONDS)
    return httpx.Timeout(seconds, read=seconds + wait_seconds)


def drive(
    flow: Flow[T], config: Config, http: httpx.Client, sleep: Callable[[float], object] = time.sleep
) -> T:
    """Perform a flow with a synchronous client; an interrupt ends the flow before it goes on."""
    answer: Answer = None
    try:
        while True:
            step = flow.send(answer)
            if isinstance(step, Sleep):
                sleep(step.seconds)
                answer = None
                continue
            try:
                answer = http.send(request_of(step, config, http))
            except httpx.RequestError as error:
                answer = error
    except StopIteration as stop:
        value: T = stop.value
        return value
    finally:
        flow.close()  # not left to whoever drops the traceback: it may hold what others wait for


async def adrive(flow: Flow[T], config: Config, http: httpx.AsyncClient) -> T:
    """Perform a flow with an asynchronous client; cancelled, it ends the flow first."""
    answer: Answer = None
    try:
        while True:
            try:
                step = flow.send(answer)
            except StopIteration as stop:
                value: T = stop.value
                return value
            if isinstance(step, Sleep):
                await asyncio.sleep(step.seconds)
                answer = None
                continue
            try:
                answer = await http.send(request_of(step, config, http))
            except httpx.RequestError as error:
                answer = error
    finally:
        flow.close()
