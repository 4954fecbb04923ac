"""Claims that wait in one process: their order, what they cost, and what becomes of them without calls."""

import asyncio
import json
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from typing import Any
from urllib.parse import urlsplit

import httpx
import psycopg
import pytest

from services import Service
from wire.driver import Driver, unique
from wire.parking import SOON, BulkClaim, Claim, parked
from wire.rawhttp import Connection
from wire.shapes import assert_error

Begin = Callable[..., Claim]


@pytest.fixture
def driver(service: Service) -> Iterator[Driver]:
    with httpx.Client(base_url=service.url, trust_env=False, timeout=30) as client:
        yield Driver(client, client)


@pytest.fixture
def claim(service: Service) -> Iterator[Begin]:
    with ExitStack() as opened:

        def begin(*task_types: str, bulk: bool = False, **fields: Any) -> Claim:
            connection = opened.enter_context(Connection(service.url))
            kind = BulkClaim if bulk else Claim
            return kind(connection, unique("worker"), *task_types, **fields)

        yield begin


def in_order(claim: Begin, *each: dict[str, Any]) -> list[Claim]:
    """Claims that came one after the other."""
    begun = []
    for fields in each:
        task_types = fields.pop("types")
        begun.append(claim(*task_types, **fields))
        time.sleep(0.03)
    parked()
    return begun


def test_the_one_who_waits_longest_is_served_first(driver: Driver, claim: Begin) -> None:
    task_type = unique("type")
    waiting = in_order(claim, *({"types": [task_type]} for _ in range(8)))
    registered = []
    for _ in waiting:
        registered.append(driver.new(task_type))
        time.sleep(0.01)

    assert [each.task()["id"] for each in waiting] == registered


def test_many_tasks_at_once_are_handed_out_in_the_order_of_the_line(driver: Driver, claim: Begin) -> None:
    task_type = unique("type")
    waiting = in_order(claim, *({"types": [task_type]} for _ in range(8)))
    outcomes = driver.outcomes("register", [{"taskType": task_type}] * 8)

    assert [each.task()["id"] for each in waiting] == [one["taskId"] for one in outcomes]


def test_who_waits_for_something_else_is_passed_over(driver: Driver, claim: Begin) -> None:
    one, other = unique("type"), unique("type")
    first, second, third = in_order(claim, {"types": [one]}, {"types": [one, other]}, {"types": [other]})
    task_id = driver.new(other)

    assert second.task()["id"] == task_id
    assert third.connection.is_silent()
    assert first.connection.is_silent()


def test_a_bulk_claim_ahead_takes_all_that_come_at_once(driver: Driver, claim: Begin) -> None:
    task_type = unique("type")
    ahead, behind = in_order(
        claim,
        {"types": [task_type], "bulk": True, "limit": 10},
        {"types": [task_type], "waitSeconds": 1},
    )
    driver.outcomes("register", [{"taskType": task_type}] * 6)

    assert len(ahead.answer()["tasks"]) == 6
    assert behind.answer() is None


def test_claims_of_the_same_claim_id_that_wait_together_get_the_same_task(
    driver: Driver, service: Service
) -> None:
    """A caller repeats a claim while the first still waits, on a connection that is as good as dead."""
    task_type, worker = unique("type"), unique("worker")
    with Connection(service.url) as dead, Connection(service.url) as alive:
        first = Claim(dead, worker, task_type, claimId="mine")
        parked()
        again = Claim(alive, worker, task_type, claimId="mine")
        parked()
        task_id = driver.new(task_type)

        assert (again.task()["id"], first.task()["id"]) == (task_id, task_id)
        assert again.seconds < SOON


def test_a_task_that_nobody_called_for_is_found_by_a_look_now_and_then(
    driver: Driver, claim: Begin, database_url: str
) -> None:
    """As after a crash between a registration's commit and its call."""
    task_type = unique("type")
    waiting = claim(task_type)
    parked()
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(
            "insert into tracker_tasks (id, task_type, status, timeout_seconds, timeout_at)"
            " values (%s, %s, 'pending', 60, now() + interval '1 minute')",
            (task_id := unique(), task_type),
        )

    assert waiting.task()["id"] == task_id
    assert waiting.seconds < 3.5


def test_without_redis_the_waiters_of_the_same_process_are_called_all_the_same(
    database_url: str, redis_prefix: str
) -> None:
    task_type = unique("type")
    with (
        Service(database_url, "redis://127.0.0.1:1/0", redis_prefix=redis_prefix) as service,
        Connection(service.url) as connection,
        httpx.Client(base_url=service.url, trust_env=False, timeout=30) as client,
    ):
        waiting = Claim(connection, "w", task_type)
        parked()
        task_id = Driver(client, client).new(task_type)

        assert waiting.task()["id"] == task_id
        assert waiting.seconds < SOON


def test_a_full_room_refuses_who_would_have_to_wait(
    database_url: str, redis_url: str, redis_prefix: str
) -> None:
    task_type = unique("type")
    few = {"TASK_TRACKER_WAITING_CLAIMS_LIMIT": "2"}
    with (
        Service(database_url, redis_url, redis_prefix=redis_prefix, env=few) as service,
        Connection(service.url) as first,
        Connection(service.url) as second,
        httpx.Client(base_url=service.url, trust_env=False, timeout=30) as client,
    ):
        driver = Driver(client, client)
        Claim(first, "w1", unique("type"))
        waiting = Claim(second, "w2", *(unique("type") for _ in range(9)))
        parked()

        refused = driver.claim(task_type, worker="w3", waitSeconds=5)
        assert_error(refused, 503, "overloaded")
        assert int(refused.headers["retry-after"]) >= 1
        assert driver.claim(task_type, worker="w3").json() is None, "who does not wait is answered"
        task_id = driver.new(task_type)
        assert driver.claimed(task_type, worker="w3", waitSeconds=5)["id"] == task_id  # type: ignore[index]
        waiting.connection.close()
        parked()
        assert driver.claim(task_type, worker="w3", waitSeconds=1).json() is None


def test_who_hands_a_task_back_is_told_of_before_who_takes_it(driver: Driver, service: Service) -> None:
    for _ in range(10):
        task_type = unique("type")
        task_id = driver.new(task_type)
        driver.taken(task_type, worker="one").append(1)
        with (
            driver.track(task_id, "?lifecycle=true&ignoreHistory=true") as stream,
            Connection(service.url) as to,
        ):
            waiting = Claim(to, "other", task_type)
            parked()
            driver.release(task_id)
            waiting.task()
            changes = [frame.data.get("reason") for frame in stream.take(3)]

        assert changes == ["current", "released", "claimed"]


class Crowd:
    """Many claims that wait, without a thread for each."""

    def __init__(self) -> None:
        self.answers: list[bytes] = []
        self._transports: list[asyncio.Transport] = []

    async def park(self, url: str, count: int, task_type: str) -> None:
        """Half of them for one type, the others for fifty more; a second type is common to all."""
        loop, parts = asyncio.get_running_loop(), urlsplit(url)
        for n in range(count):
            kind = task_type if n % 2 else f"{task_type}-{n % 100}"
            body = json.dumps({"taskTypes": [kind, "rare"], "workerId": f"w{n}", "waitSeconds": 60})
            head = f"POST /api/v1/tasks/claim HTTP/1.1\r\nHost: {parts.netloc}\r\n"
            transport, _ = await loop.create_connection(
                lambda: _Listener(self.answers), parts.hostname or "", parts.port or 0
            )
            transport.write(f"{head}Content-Length: {len(body)}\r\n\r\n{body}".encode())
            self._transports.append(transport)

    def close(self) -> None:
        for transport in self._transports:
            transport.abort()


class _Listener(asyncio.Protocol):
    def __init__(self, answers: list[bytes]) -> None:
        self._answers = answers

    def data_received(self, data: bytes) -> None:
        self._answers.append(data)


@pytest.mark.slow
def test_two_thousand_waiting_claims_cost_the_database_next_to_nothing(
    service: Service, database_url: str, driver: Driver
) -> None:
    """All that the service does by itself is among these queries too."""
    task_type = unique("type")

    async def rate(connection: psycopg.Connection[Any]) -> float:
        before, began = transactions(connection), time.monotonic()
        await asyncio.sleep(8)
        return (transactions(connection) - before) / (time.monotonic() - began)

    async def all_have_looked(connection: psycopg.Connection[Any]) -> None:
        """Each claim looks once before it rests; on a busy machine that takes a while."""
        async with asyncio.timeout(40):
            seen = -100
            while (now := transactions(connection)) - seen > 10:
                seen = now
                await asyncio.sleep(2)

    async def look(connection: psycopg.Connection[Any]) -> None:
        with closing(Crowd()) as crowd:
            await crowd.park(service.url, 2_000, task_type)
            await all_have_looked(connection)
            waiting = await rate(connection)
            assert waiting <= 5, f"{waiting:.1f} queries a second"
            print(f"2,000 claims waiting: {waiting:.1f} queries a second")  # noqa: T201 - shown with -s

            assert crowd.answers == []
            task_id = await asyncio.to_thread(driver.new, task_type)
            await asyncio.sleep(3)
            assert len(crowd.answers) == 1, "one registration wakes one"
            assert task_id.encode() in crowd.answers[0]

    with psycopg.connect(database_url, autocommit=True) as connection:
        asyncio.run(look(connection))


def transactions(connection: psycopg.Connection[Any]) -> int:
    """How many this database has seen; statements of the service are one each."""
    row = connection.execute(
        "select xact_commit + xact_rollback from pg_stat_database where datname = %s",
        (connection.info.dbname,),
    ).fetchone()
    assert row is not None
    return int(row[0])
