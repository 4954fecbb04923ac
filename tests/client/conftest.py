"""The client under test, synchronous and asynchronous; every scenario runs once with each."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any, Literal
from uuid import uuid4

import pytest

from services import Service, free_port
from tasktracker_client import AsyncTaskTracker, Retries, Task, TaskTracker

from .both import Loop, blocking
from .proxy import Proxy, Rule

Connect = Callable[..., TaskTracker]
Through = Callable[..., Proxy]
QUICK = Retries(first_seconds=0.02, longest_seconds=0.2)


@pytest.fixture(scope="session")
def loop() -> Iterator[Loop]:
    with Loop() as started:
        yield started


@pytest.fixture(params=["sync", "async"])
def world(request: pytest.FixtureRequest) -> Literal["sync", "async"]:
    """Which of the two clients this is about."""
    chosen: Literal["sync", "async"] = request.param
    return chosen


@pytest.fixture
def connect(world: Literal["sync", "async"], loop: Loop) -> Iterator[Connect]:
    """Makes clients of this world; they are closed with the test."""
    with ExitStack() as opened:

        def make(url: str, **options: Any) -> TaskTracker:
            options.setdefault("retries", QUICK)
            if world == "sync":
                return opened.enter_context(TaskTracker(url, **options))
            return opened.enter_context(blocking(AsyncTaskTracker(url, **options), loop))

        yield make


@pytest.fixture
def url(service_urls: list[str]) -> str:
    return service_urls[0]


@pytest.fixture
def client(connect: Connect, url: str) -> TaskTracker:
    """A client of the service."""
    return connect(url)


@pytest.fixture
def through(url: str) -> Iterator[Through]:
    """Makes proxies in front of the service."""
    with ExitStack() as opened:

        def make(rule: Rule | None = None, target: str = url) -> Proxy:
            return opened.enter_context(Proxy(target, rule))

        yield make


@pytest.fixture
def task_type() -> str:
    """A task type of this test's own, so that nobody else's tasks are claimed."""
    return f"type-{uuid4().hex[:20]}"


@pytest.fixture
def held(client: TaskTracker, task_type: str) -> Task:
    """A task in the hands of worker ``w``, without automatic retries."""
    client.register(task_type, max_retries=0)
    task = client.claim(task_type, worker_id="w")
    assert task is not None
    return task


@pytest.fixture
def unused_url() -> str:
    """Where nobody listens."""
    return f"http://127.0.0.1:{free_port()}"


@pytest.fixture
def own_service(database_url: str, redis_url: str, redis_prefix: str) -> Iterator[Service]:
    """A service that a test may end; it comes back at the same address."""
    with Service(database_url, redis_url, redis_prefix=redis_prefix, port=free_port()) as started:
        yield started
