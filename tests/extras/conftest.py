"""Jobs of a real service for what comes with the client."""

from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import pytest

from services import Service
from tasktracker_client import TaskTracker

Entries = Callable[[str], list[dict[str, Any]]]


@pytest.fixture
def client(service: Service) -> Iterator[TaskTracker]:
    with TaskTracker(service.url) as made:
        yield made


@pytest.fixture
def task_type() -> str:
    return f"extras-{uuid4().hex}"


@pytest.fixture
def entries(client: TaskTracker) -> Entries:
    """What was reported of a task, without the numbers."""

    def read(task_id: str) -> list[dict[str, Any]]:
        history = client.get(task_id).progress_history or []
        return [{name: value for name, value in entry.items() if name != "seqId"} for entry in history]

    return read
