"""The task list: what it finds, and in which order."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from .driver import TASKS, Driver, Held, unique
from .listing import ids, listed, page, rows
from .shapes import ROW_FIELDS, assert_error, assert_json, instant

LARGE = {"metadata", "params", "result", "error"}


def test_tasks_of_a_type_are_listed_newest_first(driver: Driver, task_type: str) -> None:
    made = [driver.new(task_type) for _ in range(5)]
    driver.new(unique("other"))

    assert ids(rows(driver, taskType=task_type)) == made[::-1]


def test_a_type_without_tasks_lists_none(driver: Driver, task_type: str) -> None:
    assert page(driver, taskType=task_type) == {"tasks": [], "nextCursor": None}


def test_without_filters_the_newest_task_of_all_comes_first(driver: Driver, task_type: str) -> None:
    task_id = driver.new(task_type)

    found = page(driver)["tasks"]

    assert task_id in ids(found)
    times = [instant(row["createdAt"]) for row in found]
    assert times == sorted(times, reverse=True)


def test_tasks_are_found_by_each_of_their_states(driver: Driver, task_type: str, worker: str) -> None:
    made = {"pending": driver.new(task_type)}
    made["in_progress"] = driver.held(task_type, worker).task_id
    for verb, status in (("complete", "completed"), ("fail", "failed"), ("timeout", "timeout")):
        made[status] = driver.held(task_type, worker).task_id
        assert driver.post(made[status], verb, {}).status_code == 200

    for status, task_id in made.items():
        (row,) = rows(driver, taskType=task_type, status=status)
        assert (row["id"], row["status"]) == (task_id, status)


def test_a_repeated_status_finds_tasks_in_any_of_them(driver: Driver, task_type: str, worker: str) -> None:
    pending = driver.new(task_type)
    ended = driver.held(task_type, worker)
    ended.complete()
    running = driver.held(task_type, worker)

    found = ids(rows(driver, taskType=task_type, status=["pending", "completed"]))

    assert found == [ended.task_id, pending]
    everything = ["completed", "in_progress", "pending", "pending", "failed", "timeout"]
    assert ids(rows(driver, taskType=task_type, status=everything)) == [running.task_id, *found]


def test_of_another_parameter_the_last_counts(driver: Driver, task_type: str) -> None:
    task_id = driver.new(task_type)

    answer = driver.read.get(f"{TASKS}?taskType={unique('other')}&taskType={task_type}")

    assert ids(assert_json(answer, 200)["tasks"]) == [task_id]


def test_tasks_are_found_by_their_worker_also_after_their_end(
    driver: Driver, task_type: str, worker: str
) -> None:
    first = driver.held(task_type, worker)
    driver.held(task_type, unique("somebody"))
    second = driver.held(unique("type"), worker)
    first.complete()

    assert ids(rows(driver, workerId=worker)) == [second.task_id, first.task_id]
    assert ids(rows(driver, workerId=worker, status="in_progress")) == [second.task_id]
    assert ids(rows(driver, workerId=worker, taskType=task_type)) == [first.task_id]
    assert rows(driver, workerId=worker, status="pending") == []


def test_a_chain_is_found_with_its_root(driver: Driver, task_type: str, worker: str) -> None:
    root = driver.held(task_type, worker)
    driver.new(task_type)
    chain = [root.task_id]
    for _ in range(3):
        assert driver.timeout(chain[-1]).status_code == 200
        chain.append(driver.retry(chain[-1]).json()["newTaskId"])

    found = rows(driver, originalTaskId=root.task_id)

    assert ids(found) == chain[::-1]
    assert [row["retryCount"] for row in found] == [3, 2, 1, 0]
    assert ids(rows(driver, originalTaskId=root.task_id, status="timeout")) == chain[-2::-1]
    assert ids(rows(driver, originalTaskId=root.task_id, limit=2)) == chain[::-1]
    assert ids(rows(driver, originalTaskId=root.task_id, workerId=worker)) == [root.task_id]
    assert rows(driver, originalTaskId=root.task_id, taskType=unique("other")) == []
    assert rows(driver, originalTaskId=chain[1]) == [], "a retry is no root"


def test_tasks_are_found_by_when_they_were_registered(driver: Driver, task_type: str) -> None:
    made = []
    for _ in range(3):
        made.append(driver.new(task_type))
        time.sleep(0.005)
    middle = driver.task(made[1])["createdAt"]

    assert ids(rows(driver, taskType=task_type, createdAfter=middle)) == [made[2], made[1]]
    assert ids(rows(driver, taskType=task_type, createdBefore=middle)) == [made[0]]
    assert rows(driver, taskType=task_type, createdAfter=middle, createdBefore=middle) == []
    later = (instant(middle) + timedelta(microseconds=1)).isoformat()
    assert ids(rows(driver, taskType=task_type, createdAfter=later)) == [made[2]]
    assert ids(rows(driver, taskType=task_type, createdBefore=later)) == [made[1], made[0]]


@pytest.mark.parametrize("at", ["0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59.999999-23:59"])
def test_times_far_away_are_no_trouble(driver: Driver, task_type: str, at: str) -> None:
    task_id = driver.new(task_type)
    ahead = at.startswith("9")

    assert ids(rows(driver, taskType=task_type, createdAfter=at)) == ([] if ahead else [task_id])
    assert ids(rows(driver, taskType=task_type, createdBefore=at)) == ([task_id] if ahead else [])


def test_a_row_is_the_task_without_its_large_values(held: Held, task_type: str) -> None:
    held.append(2)
    held.complete(result={"ok": True})

    (row,) = rows(held.driver, taskType=task_type)

    task = held.task()
    assert set(row) == ROW_FIELDS - LARGE
    assert row == {name: value for name, value in task.items() if name in row}
    assert row["lastSeqId"] == 2


def test_full_rows_have_all_but_the_history(driver: Driver, task_type: str, worker: str) -> None:
    held = driver.held(task_type, worker, metadata={"a": [1]}, params={"b": "ü"})
    held.fail(error={"why": None}, retry=False)

    (row,) = rows(driver, taskType=task_type, fields="full")

    assert set(row) == ROW_FIELDS
    assert row == {name: value for name, value in held.task().items() if name in row}
    assert row["error"] == {"why": None}


def test_a_row_tells_the_latest_progress_of_a_running_task(held: Held, task_type: str) -> None:
    held.append(3)

    (row,) = rows(held.driver, taskType=task_type)

    assert (row["lastSeqId"], row["lastProgress"]["data"]) == (3, {"seqId": 3, "n": 2})
    assert row["lastProgress"] == held.task()["lastProgress"]


def test_a_task_without_progress_says_so(held: Held, task_type: str) -> None:
    (row,) = rows(held.driver, taskType=task_type)

    assert (row["lastSeqId"], row["lastProgress"]) == (0, None)


@pytest.mark.parametrize("ends", [False, True], ids=["live", "stored"])
@pytest.mark.parametrize(("length", "is_there"), [(1_024, True), (1_025, False)])
def test_a_long_last_progress_is_left_out(
    held: Held, task_type: str, ends: bool, length: int, is_there: bool
) -> None:
    held.append(1)
    text = "x" * (length - len('{"m":""}'))
    assert held.progress({"m": text}).status_code == 200
    if ends:
        held.complete()

    (row,) = rows(held.driver, taskType=task_type)

    assert row["lastSeqId"] == 2
    assert ("lastProgress" in row) is is_there


def test_many_entries_do_not_hide_the_last(held: Held, task_type: str) -> None:
    assert held.progress([{"n": number} for number in range(1_000)]).status_code == 200
    held.complete()

    (row,) = rows(held.driver, taskType=task_type)

    assert row["lastProgress"]["data"] == {"seqId": 1_000, "n": 999}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("status", "done"),
        ("status", ""),
        ("taskType", ""),
        ("taskType", "x" * 129),
        ("taskType", "a\nb"),
        ("workerId", ""),
        ("originalTaskId", "a b"),
        ("originalTaskId", "bulk" * 17),
        ("createdAfter", "yesterday"),
        ("createdAfter", "1767225600"),
        ("createdBefore", "0.5"),
        ("originalTaskId", "stats"),
        ("createdBefore", "2026-01-31T12:00:00"),
        ("limit", "0"),
        ("limit", "501"),
        ("limit", "-1"),
        ("limit", "many"),
        ("limit", "1.5"),
        ("fields", "all"),
        ("fields", ""),
    ],
)
def test_a_bad_parameter_is_refused_by_name(driver: Driver, name: str, value: Any) -> None:
    answer = listed(driver, **{name: value})

    assert_error(answer, 400, "invalid_request")
    assert f"$.{name}" in answer.json()["message"]


def test_what_a_parameter_may_be_is_told(driver: Driver) -> None:
    answer = listed(driver, status=["pending", "done"])

    assert_error(answer, 400, "invalid_request")
    message = answer.json()["message"]
    assert "$.status[1]" in message
    assert "completed or failed or in_progress or pending or timeout, not 'done'" in message


def test_the_list_answers_head_and_takes_a_slash(driver: Driver, task_type: str) -> None:
    driver.new(task_type)

    head = driver.read.head(TASKS, params={"taskType": task_type})
    slashed = driver.read.get(f"{TASKS}/", params={"taskType": task_type})

    assert (head.status_code, head.content) == (200, b"")
    assert len(assert_json(slashed, 200)["tasks"]) == 1


def test_a_task_of_tomorrow_is_listed_by_when_it_was_registered(driver: Driver, task_type: str) -> None:
    ahead = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    scheduled = driver.new(task_type, runAt=ahead)
    due = driver.new(task_type)

    assert ids(rows(driver, taskType=task_type, status="pending")) == [due, scheduled]
