"""Claims that wait, each on a connection of its own."""

from __future__ import annotations

import json
import time
from typing import Any

from .driver import TASKS, Json
from .rawhttp import Connection
from .shapes import assert_json

SOON = 1.5
"""Seconds: far above what a wake takes, below what the safety look takes when a wake is missed."""
_PARKING = 0.15


def parked() -> None:
    """Give the service the time to let them wait."""
    time.sleep(_PARKING)


class Claim:
    """`POST /claim`, sent."""

    def __init__(self, connection: Connection, worker: str, *task_types: str, **fields: Any) -> None:
        self.worker = worker
        self.connection = connection
        body = {"taskTypes": task_types, "workerId": worker, "waitSeconds": 8, **fields}
        self._sent = time.monotonic()
        self.seconds = 0.0
        """How long the answer took."""
        connection.request("POST", f"{TASKS}/{self.path}", json.dumps(body).encode())

    path = "claim"

    def answer(self) -> Any:
        """What it says."""
        body = assert_json(self.connection.answer("POST"), 200)
        self.seconds = time.monotonic() - self._sent
        return body

    def task(self) -> Json:
        """The task it got."""
        task: Json | None = self.answer()
        assert task is not None, f"null after {self.seconds:.1f} s"
        return task


class BulkClaim(Claim):
    """`POST /bulk/claim`, sent."""

    path = "bulk/claim"

    def tasks(self) -> list[Json]:
        """The tasks it got."""
        tasks: list[Json] = self.answer()["tasks"]
        return tasks
