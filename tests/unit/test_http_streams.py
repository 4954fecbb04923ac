"""Event streams: what their readers get, and how they end."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator

import pytest

from tasktracker_schema import requests
from tasktracker_schema.routes import BASE_PATH
from tasktracker_server.core.errors import PostgresUnavailable
from tasktracker_server.http.options import HttpOptions
from tasktracker_server.http.ports import Frames
from unit.http_serving import Answering, Scripted, Serving, serving
from wire.rawhttp import Connection
from wire.waiting import eventually

TRACK = f"{BASE_PATH}/t-1/track"


async def three() -> AsyncIterator[bytes]:
    for number in range(3):
        yield b"id: %d\n\n" % number


async def endless() -> AsyncIterator[bytes]:
    yield b"id: 0\n\n"
    await asyncio.Event().wait()


def opened(running: Serving, target: str = TRACK) -> tuple[Connection, int, dict[str, str]]:
    connection = running.connect()
    connection.request("GET", target)
    status, headers = connection.head(time.monotonic() + 10)
    return connection, status, dict(headers)


def rest(connection: Connection) -> bytes:
    pieces = []
    while (piece := connection.piece(time.monotonic() + 10)) is not None:
        pieces.append(piece)
    return b"".join(pieces)


def test_a_stream_is_sent_to_its_end() -> None:
    frames = Scripted(three())
    with serving(Answering(frames=frames)) as running:
        connection, status, headers = opened(running)

        assert status == 200
        assert headers["Content-Type"] == "text/event-stream"
        assert headers["Cache-Control"] == "no-cache, no-transform"
        assert headers["X-Accel-Buffering"] == "no"
        assert len(headers["X-Request-Id"]) == 16
        assert rest(connection) == b"id: 0\n\nid: 1\n\nid: 2\n\n"
        assert frames.closed.wait(10)
        assert connection.exchange("GET", "/healthz").status_code == 200, "the connection stays usable"


def test_without_chunks_the_end_is_a_closed_connection() -> None:
    with serving(Answering(frames=Scripted(three()))) as running:
        connection = running.connect()
        connection.send(f"GET {TRACK} HTTP/1.0\r\nConnection: keep-alive\r\n\r\n".encode())

        answer = connection.answer()

    assert answer.content == b"id: 0\n\nid: 1\n\nid: 2\n\n"
    assert "transfer-encoding" not in answer.headers


def test_an_empty_stream_ends() -> None:
    async def none() -> AsyncIterator[bytes]:
        return
        yield b""

    with serving(Answering(frames=Scripted(none()))) as running:
        connection, status, _ = opened(running)

        assert (status, rest(connection)) == (200, b"")


def test_a_reader_who_has_seen_the_end_gets_204() -> None:
    with serving(Answering(frames=None)) as running:
        assert running.connect().exchange("GET", TRACK).status_code == 204


def test_errors_before_the_first_byte_are_json() -> None:
    async def failing() -> AsyncIterator[bytes]:
        raise PostgresUnavailable
        yield b""

    frames = Scripted(failing())
    with serving(Answering(frames=frames)) as running:
        connection = running.connect()

        assert connection.exchange("GET", TRACK).json()["code"] == "postgres_unavailable"
        assert frames.closed.wait(10)
        assert connection.exchange("GET", f"{BASE_PATH}/unknown/track").json()["code"] == "task_not_found"
        assert connection.exchange("GET", f"{TRACK}?named=5").json()["code"] == "invalid_request"


@pytest.mark.parametrize("error", [PostgresUnavailable(), KeyError("bug")])
def test_after_the_first_byte_a_stream_just_ends(error: Exception, caplog: pytest.LogCaptureFixture) -> None:
    async def breaking() -> AsyncIterator[bytes]:
        yield b"id: 0\n\n"
        raise error

    frames = Scripted(breaking())
    with serving(Answering(frames=frames)) as running:
        connection, _, _ = opened(running)

        assert rest(connection) == b"id: 0\n\n"
        assert frames.closed.wait(10)

    assert any(vars(record).get("action") == "track" for record in caplog.records)


def test_a_reader_who_leaves_frees_the_stream() -> None:
    frames = Scripted(endless())
    with serving(Answering(frames=frames)) as running:
        connection, _, _ = opened(running)
        assert connection.piece(time.monotonic() + 10) == b"id: 0\n\n"
        connection.close()

        assert frames.closed.wait(10)
        eventually(lambda: running.server.in_flight, lambda count: count == 0)


def test_a_reader_who_leaves_before_the_first_byte_frees_the_stream() -> None:
    async def silent() -> AsyncIterator[bytes]:
        await asyncio.Event().wait()
        yield b""

    frames = Scripted(silent())
    with serving(Answering(frames=frames)) as running:
        connection = running.connect()
        connection.request("GET", TRACK)
        eventually(lambda: running.server.in_flight, lambda count: count == 1)
        connection.close()

        assert frames.closed.wait(10)
        eventually(lambda: running.server.in_flight, lambda count: count == 0)


def test_opening_is_given_up_when_its_caller_leaves() -> None:
    cancelled = threading.Event()

    class Slow(Answering):
        async def open(
            self, task_id: str, query: requests.TrackQuery, last_event_id: str | None, /
        ) -> Frames | None:
            try:
                await asyncio.Event().wait()
            finally:
                cancelled.set()
            return None

    with serving(Slow()) as running:
        connection = running.connect()
        connection.request("GET", TRACK)
        eventually(lambda: running.server.in_flight, lambda count: count == 1)
        connection.close()

        assert cancelled.wait(10)


def test_a_reader_who_takes_nothing_is_cut() -> None:
    asked_for = 0

    async def flood() -> AsyncIterator[bytes]:
        nonlocal asked_for
        while True:
            asked_for += 1
            yield b":" + b"x" * 100_000 + b"\n"

    frames = Scripted(flood())
    with serving(Answering(frames=frames), HttpOptions(stream_write_timeout=0.3)) as running:
        opened(running)

        assert frames.closed.wait(10)
        eventually(lambda: running.server.open_connections, lambda count: count == 0)

    assert asked_for < 200, "one write at a time waits, not all there is to say"


def test_a_reader_who_is_slow_but_reads_is_not_cut() -> None:
    async def some() -> AsyncIterator[bytes]:
        for _ in range(100):
            yield b":" + b"x" * 100_000 + b"\n"

    with serving(Answering(frames=Scripted(some())), HttpOptions(stream_write_timeout=0.5)) as running:
        connection, _, _ = opened(running)
        taken = 0
        while (piece := connection.piece(time.monotonic() + 10)) is not None:
            taken += len(piece)
            time.sleep(0.001)

    assert taken == 100 * 100_002


def test_last_event_id_is_passed_on() -> None:
    seen = []

    class Noting(Answering):
        async def open(
            self, task_id: str, query: requests.TrackQuery, last_event_id: str | None, /
        ) -> Frames | None:
            seen.append((task_id, query.after_seq_id, last_event_id))
            return None

    with serving(Noting()) as running:
        connection = running.connect()
        connection.exchange("GET", f"{TRACK}?afterSeqId=5", headers={"Last-Event-ID": "7.completed"})
        connection.exchange("GET", TRACK)

    assert seen == [("t-1", 5, "7.completed"), ("t-1", None, None)]


def test_head_opens_no_stream() -> None:
    frames = Scripted(endless())
    with serving(Answering(frames=frames)) as running:
        answer = running.connect().exchange("HEAD", TRACK)

    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, OPTIONS")
