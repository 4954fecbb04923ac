"""Tasks that others are just at are passed over, however many stand in front."""

import asyncio

import psycopg
import pytest

from services import Databases
from tasktracker_server.core.records import Claimer
from tasktracker_server.store.database import Database
from tasktracker_server.store.tasks import TaskStore

LOCKED = 1_500
FREE = 3
WAITING = """
    insert into tracker_tasks (id, task_type, status, timeout_seconds, timeout_at)
    select 't-' || n, 'a', 'pending', 600, now() + interval '1 hour' from generate_series(1, %s) as n
"""


@pytest.mark.parametrize("types", [["a"], ["a", "b"]], ids=["one type", "several"])
def test_a_claim_finds_what_stands_behind(databases: Databases, types: list[str]) -> None:
    with databases.one() as url, psycopg.connect(url) as other:
        other.execute(WAITING, [LOCKED + FREE])
        other.commit()
        other.execute("select from tracker_tasks order by ord limit %s for update", [LOCKED])
        claimed = asyncio.run(claim(url, types, FREE + 2))

    assert claimed == {n: f"t-{LOCKED + 1 + n}" for n in range(FREE)}


async def claim(url: str, types: list[str], workers: int) -> dict[int, str]:
    """What each of these workers got."""
    database = Database(url)
    await database.open()
    try:
        told = await TaskStore(database).claim(
            types, [Claimer(n, f"w-{n}", None, None) for n in range(workers)]
        )
    finally:
        await database.aclose()
    return {one.n: one.record.id for one in told}
