"""The database as the migrations leave it, and the statements on it."""

import asyncio
import re

import psycopg
import pytest

from services import Databases
from tasktracker_server.store.migrate import available, migrate, pending
from tasktracker_server.store.queries import names, query

GIVEN = {"items": "[]", "ids": [], "limit": 1, "task_type": "a", "task_types": ["a"], "entries": 1}
GIVEN |= {"counts": [1]}
GIVEN |= {"statuses": ["failed"], "worker_id": None, "root": "x", "before": 1, "within": 0, "until": 1}
GIVEN |= {"scan": 1, "full": True, "bytes": 1, "chunk": 1, "types": 1, "status": "failed", "age": 60}
GIVEN |= {"place": 0, "work": "x", "holder": "y", "seconds": 1, "beyond": "a", "in_doubt": True, "spare": 64}
GIVEN |= {"after": 0, "chunks": 1, "id": "x", "grace": 0.5, "pause": 3.0}


@pytest.mark.parametrize("name", names())
def test_every_statement_fits_the_migrated_schema(name: str, database_url: str) -> None:
    wanted = {word: GIVEN[word] for word in re.findall(r"%\((\w+)\)s", query(name))}

    with psycopg.connect(database_url, autocommit=True) as connection:
        plan = connection.execute("explain " + query(name), wanted).fetchall()

    assert plan


def test_several_that_start_at_once_migrate_once(databases: Databases) -> None:
    async def start_together(url: str) -> list[list[str]]:
        return await asyncio.gather(*(migrate(url) for _ in range(6)))

    with databases.one(empty=True) as url:
        applied = asyncio.run(start_together(url))

        assert sorted(map(len, applied)) == [0] * 5 + [len(available())]
        assert asyncio.run(pending(url)) == []


def test_a_claim_finds_the_head_of_the_queue_by_index_however_many_tasks_have_ended(
    databases: Databases,
) -> None:
    rows = """
        insert into tracker_tasks (id, task_type, status, timeout_seconds, timeout_at, completed_at)
        select %s || n, 'encode', %s, 60, now() + interval '1 hour', case when %s then now() end
        from generate_series(1, %s) as n
    """
    claim = query("claim")
    wanted = {
        "items": '[{"n":0,"worker_id":"w","lease_seconds":null,"claim_id":null}]',
        "task_type": "encode",
    }
    with databases.one() as url, psycopg.connect(url, autocommit=True) as connection:
        connection.execute(rows, ("done-", "completed", True, 20_000))
        connection.execute(rows, ("wait-", "pending", False, 2_000))
        connection.execute("analyze tracker_tasks")
        connection.execute("set enable_seqscan = off")
        plan = "\n".join(row[0] for row in connection.execute("explain (analyze) " + claim, wanted))

    assert "tracker_tasks_ready" in plan
    assert "Seq Scan on tracker_tasks" not in plan


def test_failures_from_before_they_named_their_own_retries_still_name_them(databases: Databases) -> None:
    with databases.one() as url:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("alter table tracker_tasks drop column failed_into")
            connection.execute("delete from tracker_migrations where name = '0004_failed_into'")
            connection.execute(
                "insert into tracker_tasks"
                " (id, task_type, status, timeout_seconds, timeout_at, completed_at, new_task_id)"
                " select id, 'a', 'failed', 60, now(), now(), next"
                " from (values ('with', 'x'), ('without', null)) as given(id, next)"
            )

        assert asyncio.run(migrate(url)) == ["0004_failed_into"]

        with psycopg.connect(url) as connection:
            stored = connection.execute("select id, failed_into from tracker_tasks order by id").fetchall()
    assert stored == [("with", "x"), ("without", None)]
