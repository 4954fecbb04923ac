"""The task as it is read, and what each change does to it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from .driver import Driver, Held, Json
from .shapes import ROW_FIELDS, TASK_FIELDS, assert_json, every_ending, instant


def test_a_task_has_exactly_the_promised_fields(driver: Driver, task_type: str) -> None:
    task = assert_json(driver.get(driver.new(task_type)), 200)

    assert set(task) == TASK_FIELDS


def test_without_its_progress_a_task_has_all_other_fields(driver: Driver, task_type: str) -> None:
    task_id = driver.new(task_type)

    task = assert_json(driver.get(task_id, "?progress=false"), 200)

    assert set(task) == ROW_FIELDS


@pytest.mark.parametrize("finished", [False, True], ids=["live", "finished"])
def test_leaving_out_the_progress_changes_nothing_else(held: Held, finished: bool) -> None:
    held.append(2)
    if finished:
        held.complete()
    whole = held.task()

    row = held.driver.get(held.task_id, "?progress=false").json()

    assert row == {name: value for name, value in whole.items() if name != "progressHistory"}


def test_a_new_task_is_pending_and_empty(driver: Driver, task_type: str) -> None:
    task = driver.task(driver.new(task_type))

    empty = [
        "metadata", "params", "result", "error", "workerId", "originalTaskId", "startedAt", "completedAt",
        "leaseExpiresAt", "cancelRequestedAt", "newTaskId", "lastProgress", "maxAttempts",
    ]  # fmt: skip
    assert [task[name] for name in empty] == [None] * len(empty)
    assert task["status"] == "pending"
    assert task["taskType"] == task_type
    assert task["timeoutSeconds"] == 86400
    assert (task["attempt"], task["retryCount"], task["priority"], task["lastSeqId"]) == (0, 0, 0, 0)
    assert task["progressHistory"] == []


def test_a_task_keeps_what_it_was_registered_with(driver: Driver, task_type: str) -> None:
    given = {
        "metadata": {"owner": "ann"}, "params": {"src": "a.mov"}, "timeoutSeconds": 60,
        "priority": 7, "maxRetries": 3, "maxAttempts": 5,
    }  # fmt: skip

    task = driver.task(driver.new(task_type, **given))

    assert {name: task[name] for name in given} == given


def timeout_at(task: Json) -> object:
    starts = [instant(task[name]) for name in ("createdAt", "runAt") if task[name] is not None]
    return max(starts) + timedelta(seconds=task["timeoutSeconds"])


@pytest.mark.parametrize("seconds", [1, 60, 86400, 31_536_000])
def test_timeout_is_counted_from_registration(driver: Driver, task_type: str, seconds: int) -> None:
    task = driver.task(driver.new(task_type, timeoutSeconds=seconds))

    assert instant(task["timeoutAt"]) == timeout_at(task)
    assert instant(task["timeoutAt"]) == instant(task["createdAt"]) + timedelta(seconds=seconds)


def test_timeout_is_counted_from_run_at_where_that_is_later(driver: Driver, task_type: str) -> None:
    first = driver.task(driver.new(task_type))
    run_at = instant(first["createdAt"]) + timedelta(hours=2)

    task = driver.task(driver.new(task_type, runAt=run_at.isoformat(), timeoutSeconds=60))

    assert instant(task["runAt"]) == run_at
    assert instant(task["timeoutAt"]) == run_at + timedelta(seconds=60)


def test_a_run_at_in_the_past_does_not_bring_the_timeout_forward(driver: Driver, task_type: str) -> None:
    first = driver.task(driver.new(task_type))
    run_at = instant(first["createdAt"]) - timedelta(hours=2)

    task = driver.task(driver.new(task_type, runAt=run_at.isoformat(), timeoutSeconds=60))

    assert instant(task["timeoutAt"]) == instant(task["createdAt"]) + timedelta(seconds=60)


def test_nothing_moves_the_timeout(driver: Driver, task_type: str, worker: str) -> None:
    held = driver.held(task_type, worker)
    before = held.task()["timeoutAt"]
    held.append(1)
    held.release()
    driver.start(held.task_id)

    driver.complete(held.task_id)

    assert held.task()["timeoutAt"] == before


def test_a_started_task_names_its_worker_and_counts_the_attempt(held: Held) -> None:
    task = held.task()

    assert task["status"] == "in_progress"
    assert task["workerId"] == held.worker
    assert task["attempt"] == 1
    assert instant(task["startedAt"]) >= instant(task["createdAt"])
    assert task["completedAt"] is None


def test_progress_shows_in_the_history_at_once(held: Held) -> None:
    held.progress({"percent": 1})
    last = held.progress({"percent": 2, "nested": {"a": [1]}}).json()

    task = held.task()

    second = {"seqId": 2, "percent": 2, "nested": {"a": [1]}}
    assert task["progressHistory"] == [{"seqId": 1, "percent": 1}, second]
    assert task["lastSeqId"] == 2
    assert task["lastProgress"] == {"seqId": 2, "timestamp": last["timestamp"], "data": second}


def test_progress_does_not_change_updated_at(held: Held) -> None:
    before = held.task()["updatedAt"]

    held.append(3)

    assert held.task()["updatedAt"] == before


def test_updated_at_follows_every_change_of_status(driver: Driver, task_type: str, worker: str) -> None:
    task_id = driver.new(task_type)
    seen = [driver.task(task_id)["updatedAt"]]
    for verb in ["start", "release", "start", "complete"]:
        answer = driver.post(task_id, verb)
        seen.append(driver.task(task_id)["updatedAt"])
        if "updatedAt" in answer.json():
            assert answer.json()["updatedAt"] == seen[-1]

    assert seen == sorted(seen)


@every_ending
def test_the_end_is_dated_and_the_worker_stays(held: Held, verb: str, status: str) -> None:
    held.append(2)

    held.driver.post(held.task_id, verb, {"workerId": held.worker})

    task = held.task()
    assert task["status"] == status
    assert instant(task["completedAt"]) >= instant(task["startedAt"])
    assert task["workerId"] == held.worker
    assert task["attempt"] == 1


@pytest.mark.parametrize("verb", ["complete", "fail", "timeout"])
def test_the_end_keeps_the_history_as_it_was_live(held: Held, verb: str) -> None:
    held.append(3)
    live = held.task()

    held.driver.post(held.task_id, verb)

    stored = held.task()
    same = ["progressHistory", "lastSeqId", "lastProgress"]
    assert {name: stored[name] for name in same} == {name: live[name] for name in same}
    assert [entry["seqId"] for entry in stored["progressHistory"]] == [1, 2, 3]


def test_a_task_that_ends_without_progress_has_an_empty_history(held: Held) -> None:
    held.complete()

    task = held.task()

    assert task["progressHistory"] == []
    assert (task["lastSeqId"], task["lastProgress"]) == (0, None)


def test_a_task_ended_while_pending_has_no_start_and_no_worker(driver: Driver, task_type: str) -> None:
    task_id = driver.new(task_type)

    driver.timeout(task_id)

    task = driver.task(task_id)
    assert task["status"] == "timeout"
    assert (task["startedAt"], task["workerId"], task["attempt"]) == (None, None, 0)
    instant(task["completedAt"])


@pytest.mark.slow
@pytest.mark.parametrize("finished", [False, True], ids=["live", "finished"])
def test_a_history_shows_its_newest_ten_thousand_entries(held: Held, finished: bool) -> None:
    for first in range(0, 10_500, 500):
        held.progress([{"n": first + offset + 1} for offset in range(500)])
    if finished:
        held.complete()

    task = held.task()

    assert [e["seqId"] for e in task["progressHistory"]] == list(range(501, 10_501))
    assert all(entry["n"] == entry["seqId"] for entry in task["progressHistory"])
    assert task["lastSeqId"] == 10_500
