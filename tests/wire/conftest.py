"""Fixtures of the wire suite.

``BASE_URL`` names the service; two URLs with a comma between them are two instances of one deployment:
writes then go to the first and reads to the second. Without it the fixture ``service_urls`` is asked.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import httpx
import pytest

from .driver import Driver, Held, unique
from .rawhttp import Connection


@pytest.fixture(scope="session")
def wire_urls(request: pytest.FixtureRequest) -> list[str]:
    """The URLs of one or two instances of the service under test."""
    given = [url.strip().rstrip("/") for url in os.environ.get("BASE_URL", "").split(",") if url.strip()]
    if given:
        return given
    urls: list[str] = request.getfixturevalue("service_urls")
    return [url.rstrip("/") for url in urls]


def _client(base_url: str) -> httpx.Client:
    return httpx.Client(base_url=base_url, http1=True, http2=False, trust_env=False, timeout=30)


@pytest.fixture(scope="session")
def write(wire_urls: list[str]) -> Iterator[httpx.Client]:
    """The client for every call that changes something."""
    with _client(wire_urls[0]) as client:
        yield client


@pytest.fixture(scope="session")
def read(wire_urls: list[str]) -> Iterator[httpx.Client]:
    """The client for every GET; it speaks to another instance where there are two."""
    with _client(wire_urls[-1]) as client:
        yield client


@pytest.fixture(scope="session")
def driver(write: httpx.Client, read: httpx.Client) -> Driver:
    return Driver(write, read)


@pytest.fixture
def raw(wire_urls: list[str]) -> Iterator[Callable[[], Connection]]:
    """Opens connections for bytes as they are; they are closed with the test."""
    with ExitStack() as opened:
        yield lambda: opened.enter_context(Connection(wire_urls[0]))


@pytest.fixture
def task_type() -> str:
    """A task type of this test's own, so that nobody else's tasks are claimed."""
    return unique("type")


@pytest.fixture
def worker() -> str:
    return unique("worker")


@pytest.fixture
def held(driver: Driver, task_type: str, worker: str) -> Held:
    """A task in progress without automatic retries."""
    return driver.held(task_type, worker, maxRetries=0)
