"""A running service, with tasks in every state for generated calls to meet."""

from __future__ import annotations

import itertools
import time
import uuid
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import httpx
import requests
from schemathesis import Case, Response

from tasktracker_schema.routes import BASE_PATH
from wire.rawhttp import DEADLINE, Connection

Json = dict[str, Any]

STREAM_SECONDS = 0.05
"""How long a stream is read on once it has begun."""


class Served:
    """Sends generated calls, and makes tasks; writes go to the first instance, reads to the last."""

    def __init__(self, urls: list[str]) -> None:
        self._write, self._read = urls[0], urls[-1]
        self._session = requests.Session()
        self._session.trust_env = False
        self._run = uuid.uuid4().hex[:12]
        self._numbers = itertools.count(1)
        self._states: Iterator[Callable[[str], None]] = itertools.cycle(
            [self._pending, self._running, self._given_back, self._flagged, *map(self._ended, _ENDS)]
        )

    def send(self, case: Case[Any], *, is_stream: bool) -> Response | httpx.Response:
        """The answer; of a stream as much as has come after a moment."""
        url = self._write if case.method == "POST" else self._read
        if not is_stream:
            return case.call(base_url=url, session=self._session)
        prepared = requests.Request(**case.as_transport_kwargs(base_url=url)).prepare()
        assert prepared.url is not None
        parts = urlsplit(prepared.url)
        headers = {name: _text(value) for name, value in prepared.headers.items()}
        with Connection(url) as connection:
            connection.request(case.method, f"{parts.path}?{parts.query}", headers=headers)
            status, received = connection.head(time.monotonic() + DEADLINE)
            content = b"" if status == 204 else _beginning(connection)
        kept = [(name, value) for name, value in received if name.lower() != "transfer-encoding"]
        sent = httpx.Request(case.method, prepared.url)
        answer = httpx.Response(status, headers=kept, content=content, request=sent)
        answer.elapsed = timedelta(0)
        return answer

    def task(self) -> Json:
        """A new task, in the next of all states."""
        task_id = f"{self._run}-{next(self._numbers)}"
        self._post("", {"taskType": "documented", "taskId": task_id, "maxRetries": 1})
        next(self._states)(task_id)
        found: Json = self._session.get(f"{self._read}{BASE_PATH}/{task_id}").json()
        return found

    def close(self) -> None:
        self._session.close()

    def _pending(self, task_id: str) -> None:
        """As it was registered."""

    def _running(self, task_id: str) -> None:
        self._post(f"/{task_id}/start", {"workerId": "w1", "leaseSeconds": 600})
        self._post(f"/{task_id}/progress", {"progress": [{"percent": 1}, {}]})

    def _given_back(self, task_id: str) -> None:
        self._running(task_id)
        self._post(f"/{task_id}/release", {})

    def _flagged(self, task_id: str) -> None:
        self._running(task_id)
        self._post(f"/{task_id}/cancel", {})

    def _ended(self, verb: str) -> Callable[[str], None]:
        def end(task_id: str) -> None:
            self._running(task_id)
            self._post(f"/{task_id}/{verb}", {"result": [1], "error": {"message": "no"}})

        return end

    def _post(self, path: str, body: Json) -> None:
        self._session.post(f"{self._write}{BASE_PATH}{path}", json=body).raise_for_status()


_ENDS = ("complete", "fail", "timeout")


def _beginning(connection: Connection) -> bytes:
    """The first bytes of a body, and what comes within a moment after them."""
    content = b""
    deadline = time.monotonic() + DEADLINE
    try:
        while (piece := connection.piece(deadline)) is not None:
            content += piece
            deadline = min(deadline, time.monotonic() + STREAM_SECONDS)
    except TimeoutError:
        assert content, "a stream that tells nothing at first"
    return content


def _text(value: str | bytes) -> str:
    return value if isinstance(value, str) else value.decode("latin-1")
