"""What a statement carries stays bounded, whatever its items carry."""

import asyncio
from collections.abc import Mapping
from typing import Any

import psycopg
from msgspec import Raw

from tasktracker_server.core.ends import End, EndOutcome
from tasktracker_server.core.records import Registration
from tasktracker_server.store.database import Database
from tasktracker_server.store.tasks import TaskStore

MEGABYTE = 1024 * 1024
TASKS = 20


class Noting(Database):
    """Notes how large the statements are that it runs."""

    def __init__(self, url: str) -> None:
        super().__init__(url, statement_timeout=30)
        self.sizes: list[int] = []

    async def fetch(
        self, name: str, params: Mapping[str, Any], *, repeat: bool = True
    ) -> list[tuple[Any, ...]]:
        self.sizes.append(len(params.get("items", "")))
        return await super().fetch(name, params, repeat=repeat)


def test_ends_that_carry_long_histories_go_in_several_statements_and_all_are_stored(
    database_url: str,
) -> None:
    history = "1|1700000000000|1|" + '{"text":"%s"}' % ("x" * (MEGABYTE - 40))

    async def end_all() -> tuple[list[int], list[Any]]:
        database = Noting(database_url)
        await database.open()
        try:
            store = TaskStore(database)
            await store.register([Registration(n, f"large-{n}", "large", 60) for n in range(TASKS)])
            ends = [
                End(
                    f"large-{n}", "timeout", result=Raw(b"null"), peeked=True,
                    first_seq=1, last_seq=1, entries=history,
                )
                for n in range(TASKS)
            ]  # fmt: skip
            database.sizes.clear()
            return database.sizes, await store.end(ends)
        finally:
            await database.aclose()

    sizes, outcomes = asyncio.run(end_all())

    assert all(isinstance(outcome, EndOutcome) and outcome.ended for outcome in outcomes)
    assert len(sizes) > 1
    assert max(sizes) <= 8 * MEGABYTE
    with psycopg.connect(database_url) as connection:
        stored = connection.execute(
            "select count(*), min(history_upto), min(history_bytes) from tracker_tasks"
            " where status = 'timeout'"
        ).fetchone()
    assert stored == (TASKS, 1, len(history))
