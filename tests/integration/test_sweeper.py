"""What goes on by itself: nothing of it waits for anything else of it."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator

import psycopg
import pytest

from services import Databases
from tasktracker_server.service.sweeper import Sweeper
from tasktracker_server.store.database import Database
from tasktracker_server.store.tasks import TaskStore

PAUSE_SECONDS = 3.0
OVERDUE_AND_LEASED = """
    insert into tracker_tasks (id, task_type, status, timeout_seconds, timeout_at, attempt, worker_id,
        started_at, lease_seconds, lease_expires_at, lease_check_at)
    values
        ('late', 'encode', 'in_progress', 600, now() - interval '1 hour', 1, 'w', now(), null, null, null),
        ('leased', 'encode', 'in_progress', 600, now() + interval '1 hour', 1, 'w', now(), 30,
         now() + interval '3.5 s', now() + interval '3.5 s')
"""


@pytest.fixture
def url(databases: Databases) -> Iterator[str]:
    with databases.one() as made, psycopg.connect(made, autocommit=True) as connection:
        connection.execute("update tracker_sweeps set last_at = now(), resumed_at = 'epoch'")
        connection.execute(OVERDUE_AND_LEASED)
        yield made


async def nothing() -> None:
    pass


def swept(url: str, timeouts: Callable[[], Awaitable[None]], enough: asyncio.Event) -> list[str]:
    """The tasks whose leases lapsed until there was ``enough``: the first of them, or what else sets it."""
    lapsed: list[str] = []

    async def run() -> None:
        database = Database(url, connections=3)
        await database.open()
        store = TaskStore(database)

        async def leases() -> None:
            found, _ = await store.sweep_leases(10, grace=0.5, pause=PAUSE_SECONDS)
            lapsed.extend(one.now.id for one in found)
            if lapsed:
                enough.set()

        async def sweep_timeouts() -> None:
            await timeouts()

        works = (sweep_timeouts, leases, nothing, nothing)
        sweeper = Sweeper(store, sweep_seconds=0.1, when_due=works, also=())
        sweeper.start()
        try:
            await asyncio.wait_for(enough.wait(), 3 * PAUSE_SECONDS)
        finally:
            await sweeper.aclose()
            await database.aclose()

    asyncio.run(run())
    return lapsed


def test_leases_are_judged_in_time_however_long_a_sweep_of_timeouts_takes(url: str) -> None:
    """Its length is more than the pause after which leases begin anew."""
    began = 0

    async def endless() -> None:
        nonlocal began
        began += 1
        await asyncio.Event().wait()

    assert swept(url, endless, asyncio.Event()) == ["leased"]
    assert began == 1, "a sweep was begun beside one that is under way"


def test_a_sweep_that_failed_is_begun_again(url: str) -> None:
    enough = asyncio.Event()
    began = 0

    async def failing() -> None:
        nonlocal began
        began += 1
        if began == 3:
            enough.set()
        raise RuntimeError("on purpose")

    swept(url, failing, enough)

    assert began >= 3
