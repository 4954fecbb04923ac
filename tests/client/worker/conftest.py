"""The worker API against a real service."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any
from uuid import uuid4

import pytest

from tasktracker_client import Retries, TaskTracker, Worker

from .wire import Rule, Wire

MakeWorker = Callable[..., Worker]
Through = Callable[[Rule], Wire]


@pytest.fixture
def url(service_urls: list[str]) -> str:
    return service_urls[0]


@pytest.fixture
def client(url: str) -> Iterator[TaskTracker]:
    """A client beside the worker under test."""
    with TaskTracker(url, retries=Retries(first_seconds=0.02)) as opened:
        yield opened


@pytest.fixture
def task_type() -> str:
    """A task type of this test's own, so that nobody else's tasks are claimed."""
    return f"type-{uuid4().hex[:20]}"


@pytest.fixture
def worker(client: TaskTracker, task_type: str) -> Iterator[MakeWorker]:
    """Makes workers for that type; they are closed with the test."""
    with ExitStack() as opened:

        def make(of: TaskTracker = client, **options: Any) -> Worker:
            options = {"wait_seconds": 5, **options}
            return opened.enter_context(of.worker(task_type, **options))

        yield make


@pytest.fixture
def through(url: str) -> Iterator[Through]:
    """Puts a wire that loses what its rule says in front of the service."""
    with ExitStack() as opened:
        yield lambda rule: opened.enter_context(Wire(url, rule))
