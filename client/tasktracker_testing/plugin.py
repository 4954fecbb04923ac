"""The pytest plugin: fixtures that give a test a real service and a client of it.

pytest finds it by itself where ``tasktracker-client`` is installed; ``-p no:tasktracker`` leaves it out.
"""

import os
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

if TYPE_CHECKING:
    from tasktracker_client import AsyncTaskTracker, TaskTracker


def pytest_addoption(parser: pytest.Parser) -> None:
    """``--tasktracker-url``."""
    parser.getgroup("tasktracker").addoption(
        "--tasktracker-url",
        metavar="URL",
        default=None,
        help="A Task Tracker to test with, instead of one that is started for the run.",
    )


@pytest.fixture(scope="session")
def tasktracker_url(pytestconfig: pytest.Config) -> Iterator[str]:
    """Where a real service listens, with stores of its own, empty at first; one for the whole run.

    Started when a test first asks, in about two seconds; the workers of pytest-xdist share it.
    """
    given: str | None = pytestconfig.getoption("--tasktracker-url")
    if given is not None:
        yield given
        return
    from tasktracker_testing import ServiceNotStarted, running_service

    try:
        with running_service(os.environ.get("PYTEST_XDIST_TESTRUNUID")) as url:
            yield url
    except ServiceNotStarted as error:
        pytest.fail(str(error), pytrace=False)


@pytest.fixture
def tasktracker(tasktracker_url: str) -> "Iterator[TaskTracker]":
    """A client of the service, closed after the test."""
    from tasktracker_client import TaskTracker

    with TaskTracker(tasktracker_url) as client:
        yield client


@pytest.fixture
def async_tasktracker(tasktracker_url: str) -> "AsyncTaskTracker":
    """An asynchronous client of the service, for ``async with async_tasktracker as client``.

    The block belongs into the test: a connection is to be closed in the event loop that opened it.
    """
    from tasktracker_client import AsyncTaskTracker

    return AsyncTaskTracker(tasktracker_url)


@pytest.fixture
def tasktracker_type(request: pytest.FixtureRequest) -> str:
    """A task type that no other test uses, so that nobody else's worker claims its tasks."""
    name = re.sub(r"[^A-Za-z0-9_.-]+", "-", request.node.name)[:80]
    return f"{name}-{uuid4().hex[:12]}"
