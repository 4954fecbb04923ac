"""How a server ends: what is under way is answered, nobody new is let in."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator

import pytest

from tasktracker_schema import answers, requests
from tasktracker_schema.routes import BASE_PATH
from unit.http_serving import AT, Answering, Scripted, serving
from wire.rawhttp import Connection


class Slow(Answering):
    """Completes a task when a test says so."""

    def __init__(self) -> None:
        super().__init__()
        self.entered = threading.Event()
        self.go = asyncio.Event()

    async def complete(
        self, task_id: str, wanted: requests.CompleteTask, last: object = (), /
    ) -> answers.EndedTask:
        self.entered.set()
        await self.go.wait()
        return answers.EndedTask(task_id, "completed", AT)


def test_what_is_under_way_is_answered_and_told_to_go_elsewhere() -> None:
    service = Slow()
    with serving(service) as running:
        connection = running.connect()
        connection.request("POST", f"{BASE_PATH}/t-1/complete")
        assert service.entered.wait(10)
        draining = running.start(running.server.drain(10))
        running.loop.call_soon_threadsafe(service.go.set)
        answer = connection.answer()
        draining.result(10)

        assert answer.json()["status"] == "completed"
        assert answer.headers["connection"] == "close"
        assert connection.is_closed_by_peer()
        assert running.server.in_flight == running.server.open_connections == 0


def test_a_request_that_is_half_there_is_answered() -> None:
    with serving() as running:
        connection = running.connect()
        body = b'{"taskType":"a"}'
        connection.send(connection.compose("POST", BASE_PATH, b"", {"Content-Length": str(len(body))}))
        while running.server.in_flight == 0:
            time.sleep(0.01)
        draining = running.start(running.server.drain(10))
        time.sleep(0.1)
        connection.send(body)

        assert connection.answer().status_code == 201
        draining.result(10)


def test_a_connection_just_opened_may_ask_its_question() -> None:
    with serving() as running:
        connection = running.connect()
        while running.server.open_connections == 0:
            time.sleep(0.01)
        draining = running.start(running.server.drain(10))
        time.sleep(0.1)

        assert connection.exchange("GET", "/healthz").status_code == 200
        draining.result(10)


def test_idle_connections_are_closed_at_once() -> None:
    with serving() as running:
        connection = running.connect()
        connection.exchange("GET", "/healthz")
        began = time.monotonic()
        running.start(running.server.drain(10)).result(10)

        assert connection.is_closed_by_peer()
        assert time.monotonic() - began < 5


def test_nobody_new_is_let_in() -> None:
    with serving() as running:
        running.start(running.server.drain(10)).result(10)

        with pytest.raises(ConnectionRefusedError):
            Connection(running.url)


def test_streams_end_between_frames_and_are_freed() -> None:
    async def endless() -> AsyncIterator[bytes]:
        yield b"id: 0\n\n"
        await asyncio.Event().wait()

    frames = Scripted(endless())
    with serving(Answering(frames=frames)) as running:
        connection = running.connect()
        connection.request("GET", f"{BASE_PATH}/t-1/track")
        connection.head(time.monotonic() + 10)
        assert connection.piece(time.monotonic() + 10) == b"id: 0\n\n"
        running.start(running.server.drain(10)).result(10)

        assert connection.piece(time.monotonic() + 10) is None, "the stream was ended, not cut"
        assert frames.closed.is_set()


def test_after_the_grace_what_is_left_is_closed() -> None:
    service = Slow()
    with serving(service) as running:
        connection = running.connect()
        connection.request("POST", f"{BASE_PATH}/t-1/complete")
        assert service.entered.wait(10)
        running.start(running.server.drain(0.1)).result(10)

        assert connection.is_closed_by_peer()
        assert running.server.in_flight == 0
