"""What was claimed for a caller who is gone goes back; what was answered stays."""

import asyncio
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from tasktracker_schema import answers
from tasktracker_schema.routes import BASE_PATH
from tasktracker_server.http.options import HttpOptions
from unit.http_serving import Answering, Serving, serving, task
from wire.rawhttp import Connection
from wire.waiting import eventually

BODY = b'{"taskTypes":["a"],"workerId":"w","waitSeconds":60}'


class Waiting:
    """A claim that waits until a test lets it go on."""

    def __init__(self, result: answers.Task | None, *, stubborn: bool = False) -> None:
        self.result = result
        self.stubborn = stubborn
        self.entered = threading.Event()
        self.cancelled = threading.Event()
        self._go = asyncio.Event()

    async def __call__(self) -> answers.Task | None:
        self.entered.set()
        try:
            await self._go.wait()
        except asyncio.CancelledError:
            self.cancelled.set()
            if not self.stubborn:
                raise
        return self.result

    def go(self, running: Serving) -> None:
        running.loop.call_soon_threadsafe(self._go.set)


def claiming(running: Serving, path: str = "claim", body: bytes = BODY) -> Connection:
    connection = running.connect()
    connection.request("POST", f"{BASE_PATH}/{path}", body)
    return connection


def claiming_many(running: Serving) -> Connection:
    return claiming(running, "bulk/claim", BODY.replace(b"{", b'{"limit":10,'))


@contextmanager
def holding(running: Serving) -> Iterator[None]:
    """The server's loop does nothing meanwhile."""
    held, free = threading.Event(), threading.Event()

    def hold() -> None:
        held.set()
        free.wait(10)

    running.loop.call_soon_threadsafe(hold)
    assert held.wait(10)
    try:
        yield
    finally:
        free.set()


either_claim = pytest.mark.parametrize("begin", [claiming, claiming_many])
Begin = Callable[[Serving], Connection]


def idle(running: Serving) -> Callable[[], int]:
    return lambda: running.server.in_flight


@either_claim
def test_an_answered_claim_is_not_given_back(begin: Begin) -> None:
    waiting = Waiting(task("t-1"))
    with serving(Answering(claimed=waiting)) as running:
        connection = begin(running)
        assert waiting.entered.wait(10)
        waiting.go(running)

        assert b'"id":"t-1"' in connection.answer().content
        connection.close()
        eventually(lambda: running.server.open_connections, lambda count: count == 0)

    assert running.service.given_back == []


@either_claim
def test_a_claim_is_cancelled_when_its_caller_hangs_up(begin: Begin) -> None:
    waiting = Waiting(task("t-1"))
    with serving(Answering(claimed=waiting)) as running:
        connection = begin(running)
        assert waiting.entered.wait(10)
        connection.close()

        assert waiting.cancelled.wait(10)
        eventually(idle(running), lambda count: count == 0)

    assert running.service.given_back == []


@either_claim
def test_a_claim_that_was_made_nevertheless_is_given_back(begin: Begin) -> None:
    waiting = Waiting(task("t-1"), stubborn=True)
    with serving(Answering(claimed=waiting)) as running:
        connection = begin(running)
        assert waiting.entered.wait(10)
        connection.close()
        eventually(idle(running), lambda count: count == 0)

    assert running.service.given_back == ["t-1"]


@pytest.mark.parametrize("reset", [False, True], ids=["closed", "reset"])
def test_a_goodbye_that_nobody_has_read_yet_counts(reset: bool) -> None:
    async def claim_while_the_caller_leaves() -> answers.Task | None:
        # The loop stands still: Tornado can't have seen anything when the answer is about to be written.
        if reset:
            caller.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        caller.close()
        time.sleep(0.2)  # noqa: ASYNC251
        return task("t-1")

    with serving(Answering(claimed=claim_while_the_caller_leaves)) as running:
        connection = running.connect()
        caller = connection._socket
        connection.request("POST", f"{BASE_PATH}/claim", BODY)
        eventually(lambda: running.service.given_back, lambda given_back: given_back == ["t-1"])


@either_claim
def test_an_answer_that_is_not_taken_is_given_back(begin: Begin) -> None:
    async def claim_much() -> answers.Task | None:
        return task("t-1", result="x" * 50_000_000)

    service = Answering(claimed=claim_much)
    with serving(service, HttpOptions(stream_write_timeout=0.3)) as running:
        begin(running)

        eventually(lambda: service.given_back, lambda given_back: given_back == ["t-1"])
        eventually(lambda: running.server.open_connections, lambda count: count == 0)


def test_a_caller_who_leaves_within_a_long_answer_gives_it_back() -> None:
    async def claim_much() -> answers.Task | None:
        return task("t-1", result="x" * 50_000_000)

    service = Answering(claimed=claim_much)
    with serving(service) as running:
        connection = claiming(running)
        connection.head(time.monotonic() + 10)
        connection.close()

        eventually(lambda: service.given_back, lambda given_back: given_back == ["t-1"])


def test_a_long_answer_that_is_taken_is_not_given_back() -> None:
    async def claim_much() -> answers.Task | None:
        return task("t-1", result="x" * 5_000_000)

    with serving(Answering(claimed=claim_much)) as running:
        assert len(claiming(running).answer().json()["result"]) == 5_000_000

    assert running.service.given_back == []


def test_nothing_is_claimed_for_a_caller_who_is_gone_already() -> None:
    waiting = Waiting(None)
    with serving(Answering(claimed=waiting)) as running:
        first = claiming(running)
        assert waiting.entered.wait(10)
        waiting.entered.clear()
        # A second request behind the first, by a caller who then leaves: the loop sees both at once.
        with holding(running):
            first.request("POST", f"{BASE_PATH}/claim", BODY)
            first.close()
        # Somebody who came later is answered: by then the loop has seen the end of the first one, too.
        later = running.connect()
        later.request("GET", "/nothing")
        assert later.answer().status_code == 404
        later.close()
        waiting.go(running)
        eventually(lambda: running.server.open_connections, lambda count: count == 0)

    assert not waiting.entered.is_set()


@either_claim
def test_a_waiting_claim_is_given_up_at_the_end_of_the_grace(begin: Begin) -> None:
    waiting = Waiting(task("t-1"))
    with serving(Answering(claimed=waiting)) as running:
        connection = begin(running)
        assert waiting.entered.wait(10)
        running.start(running.server.drain(0.1)).result(10)

        assert waiting.cancelled.is_set()
        assert connection.is_closed_by_peer()

    assert running.service.given_back == []
