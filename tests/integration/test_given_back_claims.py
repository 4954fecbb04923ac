"""What was claimed for somebody who left goes back, unless a repeat of the claim was told of it since."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import psycopg
import pytest

from services import Databases
from tasktracker_server.core.ends import Cancel, CancelOutcome
from tasktracker_server.core.leases import Release, ReleaseOutcome
from tasktracker_server.core.records import Claimer, TaskRecord
from tasktracker_server.store.database import Database
from tasktracker_server.store.tasks import TaskStore

WAITING = """
    insert into tracker_tasks (id, task_type, status, timeout_seconds, timeout_at)
    values ('t', 'encode', 'pending', 600, now() + interval '1 hour')
"""


T = TypeVar("T")


def told(url: str, story: Callable[[TaskStore], Awaitable[T]]) -> T:
    async def run() -> T:
        database = Database(url, connections=2)
        await database.open()
        try:
            return await story(TaskStore(database))
        finally:
            await database.aclose()

    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(WAITING)
    return asyncio.run(run())


async def cancel(store: TaskStore) -> None:
    (outcome,) = await store.cancel([Cancel("t", "not wanted")])
    assert isinstance(outcome, CancelOutcome)
    assert outcome.changed


async def claim(store: TaskStore, types: list[str]) -> TaskRecord:
    ((_, _, record),) = await store.claim(types, [Claimer(0, "w", None, "c", 1)])
    return record


async def give_back(store: TaskStore, task: TaskRecord) -> str | None:
    (outcome,) = await store.release([Release(task.id, task.worker_id, task.attempt, untouched=True)])
    assert isinstance(outcome, ReleaseOutcome)
    return outcome.now.status if outcome.now else None


@pytest.mark.parametrize("types", [["encode"], ["encode", "scan"]], ids=["one type", "several"])
def test_a_task_goes_back_to_the_queue_when_nobody_was_told_of_it(
    databases: Databases, types: list[str]
) -> None:
    async def story(store: TaskStore) -> str | None:
        return await give_back(store, await claim(store, types))

    with databases.one() as url:
        assert told(url, story) == "pending"


@pytest.mark.parametrize("types", [["encode"], ["encode", "scan"]], ids=["one type", "several"])
def test_a_task_that_a_repeat_of_its_claim_found_stays(databases: Databases, types: list[str]) -> None:
    async def story(store: TaskStore) -> list[str | None]:
        first, again = await claim(store, types), await claim(store, types)
        assert (again.id, again.attempt) == (first.id, first.attempt)
        return [await give_back(store, task) for task in (first, again)]

    with databases.one() as url:
        assert told(url, story) == [None, None]


def test_a_cancelled_task_that_nobody_was_told_of_ends_when_it_is_given_back(databases: Databases) -> None:
    async def story(store: TaskStore) -> str | None:
        task = await claim(store, ["encode"])
        await cancel(store)
        return await give_back(store, task)

    with databases.one() as url:
        assert told(url, story) == "failed"


def test_a_cancelled_task_that_a_repeat_of_its_claim_found_stays(databases: Databases) -> None:
    async def story(store: TaskStore) -> list[str | None]:
        first, again = await claim(store, ["encode"]), await claim(store, ["encode"])
        await cancel(store)
        return [await give_back(store, task) for task in (first, again)]

    with databases.one() as url:
        assert told(url, story) == [None, None]
