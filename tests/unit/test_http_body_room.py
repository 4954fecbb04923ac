"""The bytes of all bodies that are held at a time are bounded; small bodies are always let in."""

import asyncio
import json
from collections.abc import Iterator, Sequence

import httpx
import pytest

from services import wait_for
from tasktracker_schema import answers, requests
from tasktracker_schema.routes import BASE_PATH as BASE
from tasktracker_server.core.opaque import Entry
from tasktracker_server.http import holding
from tasktracker_server.http.options import HttpOptions
from unit.http_serving import Answering, Serving, serving
from wire.rawhttp import Connection

LIMIT = 200_000
CHUNKED = {"Transfer-Encoding": "chunked"}


class Holding(Answering):
    """Completes when it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.may_answer = asyncio.Event()

    async def complete(
        self, task_id: str, wanted: requests.CompleteTask, last: Sequence[Entry] = (), /
    ) -> answers.EndedTask:
        await self.may_answer.wait()
        return await super().complete(task_id, wanted, last)


@pytest.fixture
def served() -> Iterator[Serving]:
    with serving(Holding(), HttpOptions(bodies_limit=LIMIT)) as running:
        yield running


def body(size: int) -> bytes:
    empty = json.dumps({"taskType": "a", "params": {"x": ""}})
    return empty.replace('""', json.dumps("x" * (size - len(empty)))).encode()


def register(served: Serving, size: int) -> httpx.Response:
    return served.connect().exchange("POST", BASE, body(size))


def begin(served: Serving, declared: int, sent: int = 1) -> Connection:
    """A request that sends a part of its body so far."""
    connection = served.connect()
    connection.send(connection.compose("POST", BASE, b"", {"Content-Length": str(declared)}))
    connection.send(body(declared)[:sent])
    return connection


def held(served: Serving) -> int:
    return served.server._front.room.held


def test_a_body_takes_its_room_by_its_declared_length(served: Serving) -> None:
    first = begin(served, 150_000)
    assert wait_for(lambda: held(served) == 150_000, 5)

    refused = register(served, 60_000)

    assert (refused.status_code, refused.json()["code"]) == (503, "overloaded")
    assert refused.headers["retry-after"] == "1"
    assert register(served, 50_000).status_code == 201
    first.send(body(150_000)[1:])
    assert first.answer().status_code == 201
    assert wait_for(lambda: held(served) == 0, 5)
    assert register(served, 60_000).status_code == 201


def test_it_is_refused_before_it_is_sent_where_its_caller_waits_to_be_asked(served: Serving) -> None:
    begin(served, 150_000)
    assert wait_for(lambda: held(served) == 150_000, 5)
    asking = served.connect()

    asking.request("POST", BASE, b"", {"Content-Length": "60000", "Expect": "100-continue"})

    assert asking.answer().status_code == 503


def test_small_bodies_are_always_let_in(served: Serving) -> None:
    begin(served, LIMIT)
    assert wait_for(lambda: held(served) == LIMIT, 5)

    assert register(served, holding.SMALL).status_code == 201
    assert register(served, holding.SMALL + 1).status_code == 503


def test_a_body_without_a_length_takes_room_as_it_grows(served: Serving) -> None:
    growing = served.connect()
    growing.request("POST", BASE, None, CHUNKED)
    whole = body(150_000)

    def send(piece: bytes) -> None:
        growing.send(b"%x\r\n%b\r\n" % (len(piece), piece))

    send(whole[:60_000])
    assert wait_for(lambda: held(served) == 60_000, 5)
    assert register(served, 130_000).status_code == 201
    assert wait_for(lambda: held(served) == 60_000, 5)
    assert register(served, 150_000).status_code == 503

    send(whole[60_000:])
    growing.send(b"0\r\n\r\n")
    assert growing.answer().status_code == 201
    assert wait_for(lambda: held(served) == 0, 5)


def test_one_that_grows_too_much_is_refused_and_leaves_its_room(served: Serving) -> None:
    growing = served.connect()
    growing.request("POST", BASE, None, CHUNKED)
    growing.send(b"%x\r\n%b\r\n" % (60_000, b" " * 60_000))
    assert wait_for(lambda: held(served) == 60_000, 5)
    begin(served, 130_000)
    assert wait_for(lambda: held(served) == 190_000, 5)

    growing.send(b"%x\r\n%b\r\n0\r\n\r\n" % (60_000, b" " * 60_000))

    assert growing.answer().status_code == 503
    assert held(served) == 130_000
    assert growing.exchange("POST", BASE, body(1_000)).status_code == 201


def test_a_caller_who_hangs_up_leaves_its_room(served: Serving) -> None:
    connection = begin(served, 150_000, sent=100_000)
    assert wait_for(lambda: held(served) == 150_000, 5)

    connection.close()

    assert wait_for(lambda: held(served) == 0, 5)


def test_a_body_is_held_until_its_call_is_answered(served: Serving) -> None:
    waiting = served.connect()
    waiting.request("POST", f"{BASE}/x/complete", b'{"result":"%b"}' % (b"x" * 100_000))
    assert wait_for(lambda: held(served) > 100_000, 5)

    assert register(served, 120_000).status_code == 503
    service = served.service
    assert isinstance(service, Holding)
    served.loop.call_soon_threadsafe(service.may_answer.set)

    assert waiting.answer().status_code == 200
    assert wait_for(lambda: held(served) == 0, 5)


def test_a_body_larger_than_all_room_is_held_alone(served: Serving) -> None:
    assert register(served, 2 * LIMIT).status_code == 201
    begin(served, 20_000)
    assert wait_for(lambda: held(served) == 20_000, 5)

    assert register(served, 2 * LIMIT).status_code == 503
