"""What statements cost amid many ended tasks: each reads what it answers, by an index, and little else.

Held for the planner as it comes and for the service's own settings of it.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import psycopg
import pytest

from services import Databases
from tasktracker_server.store.database import SESSION
from tasktracker_server.store.queries import query

Connection = psycopg.Connection[tuple[Any, ...]]

ENDED, PENDING = 60_000, 500
STATUSES = ["pending", "in_progress", "completed", "failed", "timeout"]
END_OF_TIME = 253_402_300_800_000
LIST: Mapping[str, Any] = {
    "statuses": STATUSES,
    "worker_id": None,
    "before": END_OF_TIME,
    "within": 0,
    "after": 0,
    "scan": 51,
    "limit": 50,
    "full": False,
    "bytes": 1 << 22,
    "chunk": 1 << 16,
}
CHAIN = {**LIST, "root": "done-7", "task_type": None, "until": END_OF_TIME, "before": 1_000}


@pytest.fixture(scope="module")
def history(databases: Databases) -> Iterator[Connection]:
    """A table of 60,000 ended tasks of 20 types over a day, a few of them failed, and 500 that wait."""
    with databases.one() as url, psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            "insert into tracker_tasks (id, task_type, status, timeout_seconds, timeout_at, worker_id,"
            " attempt, created_at, started_at, completed_at)"
            " select 'done-' || n, 'type-' || n %% 20,"
            " case when n %% 1000 = 0 then 'failed' else 'completed' end, 60, now(), 'worker-' || n %% 50, 1,"
            " now() - (%(n)s - n) * interval '1 second', now(),"
            " now() - (%(n)s - n) * interval '1 second' from generate_series(1, %(n)s) as n",
            {"n": ENDED},
        )
        connection.execute(
            "insert into tracker_tasks (id, task_type, status, timeout_seconds, timeout_at)"
            " select 'wait-' || n, 'type-' || n %% 20, 'pending', 60, now() + interval '1 day'"
            " from generate_series(1, %s) as n",
            [PENDING],
        )
        connection.execute("vacuum analyze tracker_tasks")
        yield connection


@pytest.fixture(params=["planner as it comes", "service"])
def tasks(history: Connection, request: pytest.FixtureRequest) -> Iterator[Connection]:
    """The same table under either planner's settings; what is changed is taken back."""
    with history.transaction(force_rollback=True):
        if request.param == "service":
            for name, value in SESSION:
                history.execute("select set_config(%s, %s, true)", (name, value))
        yield history


def plan(connection: Connection, name: str, wanted: Mapping[str, Any]) -> dict[str, Any]:
    """How a statement was done."""
    statement = "explain (analyze, buffers, timing off, format json) " + query(name)
    ((found,),) = connection.execute(statement, wanted)
    (root,) = json.loads(bytes(found)) if isinstance(found, bytes) else found
    told: dict[str, Any] = root["Plan"]
    return told


def nodes(node: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield node
    for child in node.get("Plans", ()):
        yield from nodes(child)


def blocks(told: Mapping[str, Any]) -> int:
    return int(told["Shared Hit Blocks"] + told["Shared Read Blocks"])


def indexes(told: Mapping[str, Any]) -> set[str]:
    return {node["Index Name"] for node in nodes(told) if "Index Name" in node}


def assert_cheap(told: Mapping[str, Any], most: int) -> None:
    """No table of tasks is read through, and no more blocks are looked at than so many."""
    scanned = [node for node in nodes(told) if node["Node Type"] == "Seq Scan"]
    assert not [node for node in scanned if node["Relation Name"] == "tracker_tasks"]
    assert blocks(told) <= most


@pytest.mark.parametrize(
    "statuses", [STATUSES, ["failed"], ["completed"], ["in_progress"], ["pending", "timeout"]]
)
def test_a_page_of_any_states_reads_no_more_than_it_shows(tasks: Connection, statuses: list[str]) -> None:
    told = plan(tasks, "list", {**LIST, "statuses": statuses})

    assert_cheap(told, 1_000)
    assert "tracker_tasks_newest" in indexes(told)


@pytest.mark.parametrize("statuses", [STATUSES, ["failed"], ["in_progress"]])
@pytest.mark.parametrize("task_type", ["type-0", "type-7", "unknown"])
def test_a_page_of_a_type_reads_no_more_than_it_shows(
    tasks: Connection, task_type: str, statuses: list[str]
) -> None:
    told = plan(tasks, "list_of_type", {**LIST, "task_type": task_type, "statuses": statuses})

    assert_cheap(told, 1_000)
    assert "tracker_tasks_newest_of_type" in indexes(told)


def test_a_page_deep_in_the_list_costs_the_same(tasks: Connection) -> None:
    (newest,) = tasks.execute("select (extract(epoch from now()) * 1000)::bigint").fetchone() or (0,)
    deep = {**LIST, "before": newest - 50_000_000}

    told = plan(tasks, "list", deep)

    assert told["Actual Rows"] == 50
    assert_cheap(told, 1_000)


def test_a_time_range_in_the_past_costs_the_same(tasks: Connection) -> None:
    (newest,) = tasks.execute("select (extract(epoch from now()) * 1000)::bigint").fetchone() or (0,)

    told = plan(tasks, "list", {**LIST, "before": newest - 50_000_000, "after": newest - 50_020_000})

    assert 19 <= told["Actual Rows"] <= 21
    assert_cheap(told, 500)


@pytest.mark.parametrize("name", ["list", "list_of_type"])
def test_a_worker_nobody_knows_is_given_up_after_so_many_tasks(tasks: Connection, name: str) -> None:
    wanted = {**LIST, "task_type": "type-3", "worker_id": "nobody", "scan": 500}

    told = plan(tasks, name, wanted)

    assert_cheap(told, 5 * 500 + 100)


def test_a_chain_is_found_by_its_root(tasks: Connection) -> None:
    assert_cheap(plan(tasks, "list_of_chain", CHAIN), 50)


def test_figures_look_at_unfinished_tasks_only(tasks: Connection) -> None:
    told = plan(tasks, "figures", {"types": 1_000})

    assert_cheap(told, 3 * PENDING + 200)


def test_counting_looks_at_its_slice_only(tasks: Connection) -> None:
    tasks.execute("update tracker_counted set upto = date_trunc('minute', now()) - interval '30 minutes'")

    told = plan(tasks, "count", {})

    assert told["Actual Rows"] == 1
    assert_cheap(told, 500)


def test_retention_finds_the_oldest_of_a_type_and_the_next_type_by_index(tasks: Connection) -> None:
    oldest = {"status": "completed", "task_type": "type-3", "age": 3600, "place": 0, "within": 0, "limit": 50}

    assert_cheap(plan(tasks, "expired", oldest), 400)
    assert_cheap(plan(tasks, "next_type", {"status": "completed", "beyond": "type-3"}), 30)


def test_deleting_looks_at_what_it_deletes_only(tasks: Connection) -> None:
    told = plan(tasks, "delete", {"ids": ["done-1", "done-2"], "age": 60})

    assert told["Actual Rows"] == 2
    assert_cheap(told, 100)


@pytest.mark.parametrize("types", ["one", "several"])
def test_a_claim_takes_the_head_of_the_queue_however_long_it_is(history: Connection, types: str) -> None:
    """The service's settings only: left to itself the planner sorts the queue."""
    claimers = '[{"n":0,"worker_id":"w","lease_seconds":null,"claim_id":"mine","slots":1}]'
    name = "claim" if types == "one" else "claim_many_types"
    with history.transaction(force_rollback=True):
        for setting in SESSION:
            history.execute("select set_config(%s, %s, true)", setting)
        history.execute(
            "insert into tracker_tasks (id, task_type, status, timeout_seconds, timeout_at)"
            " select 'more-' || n, 'type-3', 'pending', 60, now() + interval '1 day'"
            " from generate_series(1, 5000) as n"
        )
        wanted = {"items": claimers, "task_type": "type-3", "task_types": ["type-3", "type-4"], "spare": 64}
        told = plan(history, name, wanted)

    assert told["Actual Rows"] == 1
    assert_cheap(told, 200 if types == "one" else 1_500)  # the queue has more than 5,000
    assert "tracker_tasks_ready" in indexes(told)


def test_a_claim_does_not_read_what_is_in_progress(history: Connection) -> None:
    """Its plan may have been made when nothing was."""
    claimers = '[{"n":0,"worker_id":"w","lease_seconds":null,"claim_id":"mine","slots":1}]'
    with history.transaction(force_rollback=True):
        for setting in SESSION:
            history.execute("select set_config(%s, %s, true)", setting)
        history.execute(
            "insert into tracker_tasks"
            " (id, task_type, status, timeout_seconds, timeout_at, worker_id, claim_id)"
            " select 'busy-' || n, 'type-3', 'in_progress', 60, now() + interval '1 day', 'v', 'c' || n"
            " from generate_series(1, 5000) as n"
        )
        told = plan(history, "claim", {"items": claimers, "task_type": "type-3"})

    assert_cheap(told, 200)


def test_heartbeats_touch_no_index(databases: Databases) -> None:
    beat = {"items": '[{"id":"t","worker_id":"w","attempt":1,"lease_seconds":null}]', "ids": ["t"]}
    hot = "select n_tup_upd, n_tup_hot_upd from pg_stat_user_tables where relname = 'tracker_tasks'"
    with databases.one() as url, psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            "insert into tracker_tasks (id, task_type, status, timeout_seconds, timeout_at, worker_id,"
            " attempt, lease_seconds, lease_expires_at, lease_check_at)"
            " select 't', 'a', 'in_progress', 60, now() + interval '1 hour', 'w', 1, 60, until, until"
            " from (select now() + interval '1 minute') as lease(until)"
        )
        for _ in range(50):
            assert connection.execute(query("heartbeat"), beat).fetchone() is not None
        connection.execute("select pg_stat_force_next_flush()")
        updated, untouched = connection.execute(hot).fetchone() or (0, 0)

    assert updated == 50
    # All but the few whose page was full of versions that somebody elsewhere might still look at.
    assert untouched >= 40
