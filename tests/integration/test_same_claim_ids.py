"""The same claimIds used at several instances at once: each gets one task, and all are told the same."""

import asyncio
from collections.abc import Sequence

import psycopg
import pytest

from services import Databases
from tasktracker_server.core.records import Claimed, Claimer
from tasktracker_server.store.database import Database
from tasktracker_server.store.tasks import TaskStore

INSTANCES = 3
CLAIM_IDS = 20
"""Few enough for every instance to find rows that no other has in hand."""
ROUNDS = 15
WAITING = """
    insert into tracker_tasks (id, task_type, status, timeout_seconds, timeout_at)
    select %s || '-' || n, %s, 'pending', 600, now() + interval '1 hour' from generate_series(1, %s) as n
"""


def claimers(turn: int, instance: int) -> list[Claimer]:
    """The same claims at each instance, in orders of their own: they meet at different ids."""
    numbers = list(range(CLAIM_IDS))
    return [
        Claimer(n, "w", None, f"c-{turn}-{number}")
        for n, number in enumerate(numbers[instance:] + numbers[:instance])
    ]


async def claim_everywhere(
    stores: Sequence[TaskStore], types: list[str], turn: int
) -> list[dict[str, tuple[str, int]]]:
    """What each claimId got at each instance."""

    async def claim(store: TaskStore, asked: list[Claimer]) -> dict[str, tuple[str, int]]:
        told: list[Claimed] = await store.claim(types, asked)
        ids = {claimer.n: str(claimer.claim_id) for claimer in asked}
        return {ids[one.n]: (one.record.id, one.record.attempt) for one in told}

    return await asyncio.gather(
        *(claim(store, claimers(turn, instance)) for instance, store in enumerate(stores))
    )


@pytest.mark.parametrize("types", [["encode"], ["encode", "scan"]], ids=["one type", "several"])
def test_the_same_claim_ids_at_several_instances_at_once_get_one_task_each(
    databases: Databases, types: list[str]
) -> None:
    async def run(url: str) -> list[list[dict[str, tuple[str, int]]]]:
        instances = [Database(url, connections=1) for _ in range(INSTANCES)]
        try:
            for instance in instances:
                await instance.open()
            stores = [TaskStore(instance) for instance in instances]
            return [await claim_everywhere(stores, types, turn) for turn in range(ROUNDS)]
        finally:
            await asyncio.gather(*(instance.aclose() for instance in instances))

    with databases.one() as url:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(WAITING, ("t", types[-1], INSTANCES * CLAIM_IDS * ROUNDS))
        turns = asyncio.run(run(url))

        with psycopg.connect(url) as connection:
            taken = connection.execute(
                "select count(*), max(attempt) from tracker_tasks where status = 'in_progress'"
            ).fetchone()
    for first, *others in turns:
        assert len({task_id for task_id, _ in first.values()}) == CLAIM_IDS
        assert others == [first] * (INSTANCES - 1)
    assert taken == (CLAIM_IDS * ROUNDS, 1)
