"""Callers of claims who vanish, and instances that end under them: no task stays with nobody."""

import random
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import httpx
import psutil  # type: ignore[import-untyped]
import psycopg
import pytest

from services import Service, wait_for
from wire.driver import Driver, unique
from wire.parking import BulkClaim, Claim, parked
from wire.rawhttp import Connection

PAIRS = 30
HANG_UPS: list[Callable[[Connection], None]] = [Connection.close, Connection.reset, Connection.shut]


@pytest.fixture
def driver(service: Service) -> Iterator[Driver]:
    with httpx.Client(base_url=service.url, trust_env=False, timeout=30) as client:
        yield Driver(client, client)


def holders(database_url: str, task_type: str) -> dict[str | None, int]:
    """How many unfinished tasks each worker holds; those of nobody wait."""
    with psycopg.connect(database_url) as connection:
        rows = connection.execute(
            "select worker_id, count(*)::int from tracker_tasks"
            " where task_type = %s and status in ('pending', 'in_progress') group by 1",
            (task_type,),
        ).fetchall()
    return dict(rows)


def wait_on(url: str, opened: ExitStack, bulk: bool, worker: str, task_type: str) -> Claim:
    connection = opened.enter_context(Connection(url))
    if bulk:
        return BulkClaim(connection, worker, task_type, limit=1)
    return Claim(connection, worker, task_type)


def got(claim: Claim) -> Any:
    answer = claim.answer()
    return answer["tasks"][0] if isinstance(claim, BulkClaim) else answer


def hang_up(service: Service, connection: Connection, how: Callable[[Connection], None]) -> None:
    """Returns once the kernel has told it to the service's socket, whether or not the service has looked."""
    port = connection.port
    how(connection)
    process = psutil.Process(service.pid)
    assert wait_for(
        lambda: (
            not any(
                each.raddr and each.raddr.port == port and each.status == psutil.CONN_ESTABLISHED
                for each in process.net_connections("tcp")
            )
        ),
        5,
    )


@pytest.mark.parametrize("bulk", [False, True])
@pytest.mark.parametrize("seed", range(4))
def test_who_hangs_up_in_the_moment_of_the_wake_keeps_no_task_from_the_next(
    service: Service, driver: Driver, database_url: str, bulk: bool, seed: int
) -> None:
    """Of each two callers the one who waits longer hangs up just before a task comes for it."""
    chance, task_type = random.Random(seed), unique("type")
    with ExitStack() as opened:
        claims = []
        for n in range(2 * PAIRS):
            claims.append(wait_on(service.url, opened, bulk, f"w{n}", task_type))
            time.sleep(0.002)
        parked()
        for gone in claims[::2]:
            hang_up(service, gone.connection, chance.choice(HANG_UPS))
            driver.new(task_type)
        last = time.monotonic()
        tasks = [got(claim) for claim in claims[1::2]]

        assert time.monotonic() - last < 1
    assert holders(database_url, task_type) == {claim.worker: 1 for claim in claims[1::2]}
    assert len({task["id"] for task in tasks}) == PAIRS


@pytest.mark.parametrize("bulk", [False, True])
def test_callers_who_all_vanish_leave_every_task_to_who_comes_later(
    service: Service, driver: Driver, database_url: str, bulk: bool
) -> None:
    task_type = unique("type")
    with ExitStack() as opened:
        claims = [wait_on(service.url, opened, bulk, f"w{n}", task_type) for n in range(PAIRS)]
        parked()
        for claim in claims:
            claim.connection.reset()
        time.sleep(0.02)
        driver.outcomes("register", [{"taskType": task_type}] * PAIRS)
    time.sleep(1)

    assert holders(database_url, task_type) == {None: PAIRS}


@pytest.fixture
def slow_claims(database_url: str) -> Iterator[None]:
    """Each task takes 0.4 s to be claimed, so that anything can happen meanwhile."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(
            "create function dawdle() returns trigger language plpgsql as"
            " $$ begin perform pg_sleep(0.4); return new; end $$"
        )
        connection.execute(
            "create trigger dawdle before update on tracker_tasks for each row"
            " when (old.status = 'pending' and new.status = 'in_progress') execute function dawdle()"
        )
        yield
        connection.execute("drop trigger dawdle on tracker_tasks")
        connection.execute("drop function dawdle")


@pytest.mark.usefixtures("slow_claims")
@pytest.mark.parametrize("how", HANG_UPS)
@pytest.mark.parametrize("bulk", [False, True])
@pytest.mark.parametrize("waits", [False, True])
def test_what_is_claimed_while_its_caller_hangs_up_is_claimable_again_within_a_second(
    service: Service, driver: Driver, bulk: bool, waits: bool, how: Callable[[Connection], None]
) -> None:
    task_type = unique("type")
    with ExitStack() as opened:
        if not waits:
            task_id = driver.new(task_type, maxRetries=1)
        gone = wait_on(service.url, opened, bulk, "gone", task_type)
        parked()
        if waits:
            task_id = driver.new(task_type, maxRetries=1)
            time.sleep(0.1)
        how(gone.connection)
        next_one = wait_on(service.url, opened, False, "next", task_type)
        task = next_one.task()

        assert (task["id"], task["attempt"]) == (task_id, 2)
        assert next_one.seconds < 0.4 + 1 + 0.4
    failed = driver.fail(task_id, workerId="next", attempt=2).json()
    assert failed["newTaskId"] is not None, "the lost claim is not held against it"


@pytest.mark.parametrize("processes", [1, 2])
def test_waiting_claims_are_answered_at_once_when_their_instance_ends(
    database_url: str, redis_url: str, redis_prefix: str, processes: int
) -> None:
    task_type = unique("type")
    with ExitStack() as opened:
        service = opened.enter_context(
            Service(database_url, redis_url, redis_prefix=redis_prefix, processes=processes)
        )
        claims = [wait_on(service.url, opened, n % 2 == 1, f"w{n}", task_type) for n in range(10)]
        parked()
        began = time.monotonic()
        service.terminate()
        answers = [claim.answer() for claim in claims]

        assert time.monotonic() - began < 2
        assert answers == [None, {"tasks": []}] * 5
        assert all(claim.connection.is_closed_by_peer() for claim in claims)
    assert holders(database_url, task_type) == {}


def test_who_waits_elsewhere_gets_what_a_killed_instance_could_not_hand_out(
    service: Service, driver: Driver, database_url: str, redis_url: str, redis_prefix: str
) -> None:
    """Killed with all its waiters; tasks come in at the other instance."""
    task_type = unique("type")
    with ExitStack() as opened:
        doomed = opened.enter_context(Service(database_url, redis_url, redis_prefix=redis_prefix))
        for n in range(5):
            wait_on(doomed.url, opened, False, f"doomed{n}", task_type)
        parked()
        waiting = wait_on(service.url, opened, False, "w", task_type)
        parked()
        doomed.kill()
        task_id = driver.new(task_type)

        assert waiting.task()["id"] == task_id
        assert waiting.seconds < 1.5
