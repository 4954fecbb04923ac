"""`POST /bulk/claim`: many tasks for a worker in one call."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from .driver import TASKS, Driver, Json, unique
from .parking import SOON, BulkClaim, Claim, parked
from .rawhttp import Connection
from .shapes import ROW_FIELDS, assert_error, assert_json, instant
from .waiting import at_once, eventually


def bulk_claim(driver: Driver, *task_types: str, worker: str, **fields: Any) -> httpx.Response:
    body = {"taskTypes": task_types, "workerId": worker, "limit": 10, **fields}
    return driver.write.post(f"{TASKS}/bulk/claim", json=body)


def bulk_claimed(driver: Driver, *task_types: str, worker: str, **fields: Any) -> list[Json]:
    """The tasks such a claim got."""
    answer: Json = assert_json(bulk_claim(driver, *task_types, worker=worker, **fields), 200)
    assert set(answer) == {"tasks"}
    tasks: list[Json] = answer["tasks"]
    return tasks


def ids(tasks: list[Json]) -> list[str]:
    return [task["id"] for task in tasks]


def new_many(driver: Driver, task_type: str, count: int) -> list[str]:
    return [one["taskId"] for one in driver.outcomes("register", [{"taskType": task_type}] * count)]


def test_each_task_is_answered_as_a_row(driver: Driver, task_type: str, worker: str) -> None:
    task_id = driver.new(task_type, params={"src": "a.mov"}, metadata={"by": "me"})

    (row,) = bulk_claimed(driver, task_type, worker=worker)

    assert set(row) == ROW_FIELDS
    assert row == driver.get(task_id, "?progress=false").json()
    assert (row["status"], row["workerId"], row["attempt"]) == ("in_progress", worker, 1)
    assert (row["lastSeqId"], row["lastProgress"], row["leaseExpiresAt"]) == (0, None, None)


def test_a_row_tells_the_last_progress_of_an_earlier_attempt(
    driver: Driver, task_type: str, worker: str
) -> None:
    held = driver.held(task_type, unique("first"))
    held.append(3)
    held.release()
    driver.new(task_type)

    again, new = bulk_claimed(driver, task_type, worker=worker)

    assert (again["id"], again["attempt"], again["lastSeqId"]) == (held.task_id, 2, 3)
    assert again["lastProgress"]["data"] == {"seqId": 3, "n": 2}
    assert set(again) == ROW_FIELDS
    assert (new["attempt"], new["lastSeqId"]) == (1, 0)


def test_nothing_to_claim_is_an_empty_list(driver: Driver, task_type: str, worker: str) -> None:
    assert bulk_claimed(driver, task_type, worker=worker) == []


def test_it_takes_the_first_of_the_queue_up_to_the_limit(driver: Driver, task_type: str, worker: str) -> None:
    registered = new_many(driver, task_type, 7)

    assert ids(bulk_claimed(driver, task_type, worker=worker, limit=3)) == registered[:3]
    assert ids(bulk_claimed(driver, task_type, worker=worker, limit=3)) == registered[3:6]
    assert ids(bulk_claimed(driver, task_type, worker=worker, limit=3)) == registered[6:]


def test_a_higher_priority_goes_first_over_all_types(driver: Driver, task_type: str, worker: str) -> None:
    other = unique("other")
    low, plain, high, plain_too, high_too = (
        driver.new(kind, priority=priority)
        for kind, priority in ((task_type, -1), (other, 0), (task_type, 5), (task_type, 0), (other, 5))
    )

    claimed = ids(bulk_claimed(driver, other, task_type, worker=worker, limit=4))

    assert claimed == [high, high_too, plain, plain_too]
    assert driver.taken(task_type, other, worker=worker).task_id == low


def test_a_thousand_tasks_in_one_call(driver: Driver, task_type: str, worker: str) -> None:
    registered = new_many(driver, task_type, 1_000)

    tasks = bulk_claimed(driver, task_type, worker=worker, limit=1_000, leaseSeconds=600)

    assert ids(tasks) == registered
    assert len({task["startedAt"] for task in tasks}) == 1, "one statement"
    first = tasks[0]
    assert (instant(first["leaseExpiresAt"]) - instant(first["startedAt"])).total_seconds() * 1e3 > 599_000


@pytest.mark.parametrize("limit", [0, 1_001, -1, 1.5, "5", None])
def test_the_limit_is_1_to_1000(driver: Driver, task_type: str, worker: str, limit: Any) -> None:
    answer = bulk_claim(driver, task_type, worker=worker, limit=limit)

    assert_error(answer, 400, "invalid_request")
    assert "limit" in answer.json()["message"]


@pytest.mark.parametrize(
    ("field", "value"),
    [("waitSeconds", 61), ("leaseSeconds", 4), ("workerId", ""), ("taskTypes", []), ("taskTypes", [""])],
)
def test_other_fields_have_the_bounds_of_a_claim(
    driver: Driver, task_type: str, worker: str, field: str, value: Any
) -> None:
    body = {"taskTypes": [task_type], "workerId": worker, "limit": 1, field: value}
    answer = driver.write.post(f"{TASKS}/bulk/claim", json=body)

    assert_error(answer, 400, "invalid_request")
    assert f"$.{field}" in answer.json()["message"]


def test_each_task_goes_to_one_of_many_who_claim_at_once(driver: Driver, task_type: str) -> None:
    registered = new_many(driver, task_type, 200)

    def in_bulk() -> list[str]:
        worker, got = unique("worker"), []
        while tasks := bulk_claimed(driver, task_type, worker=worker, limit=7):
            got += ids(tasks)
        return got

    def one_by_one() -> list[str]:
        worker, got = unique("worker"), []
        while task := driver.claimed(task_type, worker=worker):
            got.append(task["id"])
        return got

    calls: list[Callable[[], list[str]]] = [in_bulk, one_by_one] * 4
    taken = at_once(calls)

    assert sorted(task_id for got in taken for task_id in got) == sorted(registered)


def waiting_on(connection: Connection, task_type: str, **fields: Any) -> BulkClaim:
    """A bulk claim for five that waits."""
    return BulkClaim(connection, unique("worker"), task_type, **{"limit": 5, **fields})


def test_it_waits_for_the_first_and_not_for_more(
    driver: Driver, task_type: str, wire_urls: list[str]
) -> None:
    with Connection(wire_urls[-1]) as connection:
        waiting = waiting_on(connection, task_type)
        parked()
        registered = time.monotonic()
        task_id = driver.new(task_type)

        assert ids(waiting.tasks()) == [task_id]
        assert time.monotonic() - registered < SOON


def test_one_that_waited_in_vain_is_answered_an_empty_list(task_type: str, wire_urls: list[str]) -> None:
    with Connection(wire_urls[-1]) as connection:
        began = time.monotonic()

        assert waiting_on(connection, task_type, waitSeconds=1).tasks() == []
        assert 0.95 < time.monotonic() - began < 3


def test_many_that_come_at_once_wake_no_more_than_they_are_enough_for(
    driver: Driver, task_type: str, raw: Callable[[], Connection]
) -> None:
    waiting = [waiting_on(raw(), task_type, waitSeconds=2) for _ in range(3)]
    parked()
    registered = new_many(driver, task_type, 10)

    got = [each.tasks() for each in waiting]

    assert sorted(task_id for tasks in got for task_id in ids(tasks)) == sorted(registered)
    assert sorted(map(len, got)) == [0, 5, 5]


@pytest.mark.parametrize("turn", range(3))
def test_what_was_claimed_for_somebody_just_gone_is_claimable_again_within_a_second(
    driver: Driver, task_type: str, worker: str, raw: Callable[[], Connection], turn: int
) -> None:
    gone = waiting_on(raw(), task_type)
    parked()
    gone.connection.close()
    time.sleep(0.01 + turn * 0.001)  # for its goodbye to arrive
    registered = new_many(driver, task_type, 20)

    got: list[str] = []

    def claim_all() -> list[str]:
        got.extend(ids(bulk_claimed(driver, task_type, worker=worker, limit=100)))
        return got

    eventually(claim_all, lambda got: len(got) == 20, 1)
    assert sorted(got) == sorted(registered)


def test_single_and_bulk_claims_wait_in_one_line(
    driver: Driver, task_type: str, wire_urls: list[str]
) -> None:
    with Connection(wire_urls[-1]) as first, Connection(wire_urls[-1]) as second:
        waiting = waiting_on(first, task_type, limit=2)
        single = Claim(second, unique("worker"), task_type)
        parked()
        registered = set(new_many(driver, task_type, 3))

        in_bulk = ids(waiting.tasks())
        alone = single.task()["id"]

    assert {*in_bulk, alone} <= registered
    assert alone not in in_bulk
