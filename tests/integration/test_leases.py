"""Leases in the database: who is taken back when, and what extending one costs."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import psycopg
import pytest

from services import Databases
from tasktracker_server.core.leases import Beat, BeatOutcome, Due, Lapse
from tasktracker_server.store.database import Database
from tasktracker_server.store.queries import query
from tasktracker_server.store.tasks import TaskStore

T = TypeVar("T")

RUNNING = """
    insert into tracker_tasks (id, task_type, status, timeout_seconds, timeout_at, attempt, worker_id,
        started_at, lease_seconds, lease_expires_at, lease_check_at)
    select 't-' || n, 'encode', 'in_progress', 600, now() + interval '1 hour', 1, 'w',
        now(), 30, until, until
    from generate_series(1, %(count)s) as n,
         lateral (select now() + %(left)s * interval '1 second') as lease(until)
"""


@pytest.fixture
def url(databases: Databases) -> Iterator[str]:
    with databases.one() as made:
        # The last look at leases was just now, and there was no pause before it.
        run_sql(made, "update tracker_sweeps set last_at = now(), resumed_at = 'epoch'")
        yield made


@asynccontextmanager
async def stored(url: str) -> AsyncIterator[TaskStore]:
    database = Database(url, connections=2, statement_timeout=10)
    await database.open()
    try:
        yield TaskStore(database)
    finally:
        await database.aclose()


def in_store(url: str, work: Callable[[TaskStore], Awaitable[T]]) -> T:
    async def run() -> T:
        async with stored(url) as store:
            return await work(store)

    return asyncio.run(run())


def sweep(url: str, limit: int = 1_000) -> list[Lapse]:
    async def all_of_them(store: TaskStore) -> list[Lapse]:
        await store.due(grace=0.5, pause=3.0)
        found, more = await store.sweep_leases(limit, grace=0.5, pause=3.0)
        while more:
            lapses, more = await store.sweep_leases(limit, grace=0.5, pause=3.0)
            found += lapses
        return found

    return in_store(url, all_of_them)


def run_sql(url: str, statement: str, values: Any = None) -> list[Any]:
    with psycopg.connect(url, autocommit=True) as connection:
        cursor = connection.execute(statement, values)
        return cursor.fetchall() if cursor.description else []


def running(url: str, count: int, seconds_left: float) -> None:
    run_sql(url, RUNNING, {"count": count, "left": seconds_left})


def test_a_lease_is_over_only_after_its_time_and_a_grace(url: str) -> None:
    running(url, 1, -0.3)

    assert sweep(url) == []

    moved = "update tracker_tasks set lease_expires_at = {0}, lease_check_at = {0}"
    run_sql(url, moved.format("now() - interval '0.6 s'"))
    (lapse,) = sweep(url)
    assert (lapse.now.id, lapse.now.status, lapse.attempt, lapse.now.task_type, lapse.ready) == (
        "t-1", "pending", 1, "encode", True
    )  # fmt: skip


def test_after_a_pause_all_leases_begin_anew(url: str) -> None:
    running(url, 3, -20)
    run_sql(url, "update tracker_sweeps set last_at = now() - interval '4 s'")

    assert sweep(url) == []
    assert sweep(url) == []

    left = run_sql(url, "select extract(epoch from lease_expires_at - now()) from tracker_tasks")
    assert all(25 < seconds <= 30 for (seconds,) in left)


def test_a_lease_that_begins_after_the_pause_is_judged_as_ever(url: str) -> None:
    run_sql(url, "update tracker_sweeps set last_at = now() - interval '4 s'")
    sweep(url)
    run_sql(url, "update tracker_sweeps set resumed_at = now() - interval '31 s'")
    running(url, 3, -1)

    assert len(sweep(url)) == 3


def test_many_that_sweep_at_once_take_each_task_back_once(url: str) -> None:
    running(url, 500, -1)

    async def at_once(store: TaskStore) -> list[str]:
        results = await asyncio.gather(*(store.sweep_leases(100, grace=0.5, pause=3.0) for _ in range(12)))
        return [lapse.now.id for lapses, _ in results for lapse in lapses]

    taken = in_store(url, at_once)

    assert len(taken) == len(set(taken)) > 0
    assert len(taken) + len(sweep(url)) == 500


def test_a_task_held_by_somebody_else_waits_for_the_next_sweep(url: str) -> None:
    running(url, 2, -1)
    with psycopg.connect(url) as other:
        other.execute("select from tracker_tasks where id = 't-1' for update")

        assert [lapse.now.id for lapse in sweep(url)] == ["t-2"]

    assert [lapse.now.id for lapse in sweep(url)] == ["t-1"]


def beat(url: str, **fields: Any) -> BeatOutcome:
    async def work(store: TaskStore) -> BeatOutcome:
        (outcome,) = await store.heartbeat([Beat("t-1", None, None, **fields)])
        assert isinstance(outcome, BeatOutcome)
        return outcome

    return in_store(url, work)


def seconds_left(url: str) -> float:
    ((seconds,),) = run_sql(url, "select extract(epoch from lease_expires_at - now()) from tracker_tasks")
    return float(seconds)


def test_a_sign_of_life_counts_from_when_it_was_given(url: str) -> None:
    running(url, 1, 10)

    beat(url, age=5.0)

    assert 24 < seconds_left(url) <= 25


def test_a_late_sign_of_life_never_shortens_a_lease(url: str) -> None:
    running(url, 1, 29)

    beat(url, age=5.0)

    assert 28 < seconds_left(url) <= 29


def test_a_lease_that_got_shorter_is_looked_at_in_time(url: str) -> None:
    running(url, 1, 600)

    beat(url, lease_seconds=5)

    ((seconds,),) = run_sql(url, "select extract(epoch from lease_check_at - now()) from tracker_tasks")
    assert 4 < seconds <= 5


def test_the_sweep_finds_what_is_over_by_index(url: str) -> None:
    running(url, 20_000, 600)

    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("analyze tracker_tasks")
        connection.execute("set enable_seqscan = off")
        given = {"limit": 1000, "grace": 0.5, "pause": 3.0}
        rows = connection.execute("explain (analyze) " + query("sweep_leases"), given).fetchall()
    plan = "\n".join(row[0] for row in rows)

    assert "tracker_tasks_lease" in plan
    assert "Seq Scan on tracker_tasks" not in plan


def test_before_anybody_noted_the_end_of_a_pause_no_lease_is_judged(url: str) -> None:
    running(url, 3, -20)
    run_sql(url, "update tracker_sweeps set last_at = now() - interval '4 s'")

    async def unnoted(store: TaskStore) -> list[Lapse]:
        return (await store.sweep_leases(10, grace=0.5, pause=3.0))[0]

    assert in_store(url, unnoted) == []


def test_a_look_tells_what_is_due(url: str) -> None:
    async def look(store: TaskStore) -> Due:
        return await store.due(grace=0.5, pause=3.0)

    assert in_store(url, look) == (False, False, False, False)
    running(url, 1, -1)
    assert in_store(url, look) == (False, True, False, False)
    run_sql(url, "update tracker_tasks set timeout_at = now()")
    assert in_store(url, look) == (True, True, False, False)
