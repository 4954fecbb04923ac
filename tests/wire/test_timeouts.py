"""Tasks that run out of time."""

from __future__ import annotations

import time
from datetime import timedelta

import pytest

from .driver import TASKS, Driver, Held
from .shapes import assert_json, instant
from .waiting import eventually

GRACE = timedelta(seconds=2)
"""How long after `timeoutAt` a task may still go on."""


def processed(driver: Driver) -> int:
    answer = assert_json(driver.write.post(f"{TASKS}/timeouts/process"), 200)
    assert set(answer) == {"processedCount"}
    count: int = answer["processedCount"]
    return count


def test_processing_timeouts_answers_a_count(driver: Driver) -> None:
    count = processed(driver)

    assert type(count) is int
    assert count >= 0


def test_processing_timeouts_leaves_tasks_with_time_alone(held: Held) -> None:
    before = held.task()

    processed(held.driver)

    assert held.task() == before


def test_processing_timeouts_ends_what_is_overdue(driver: Driver, task_type: str) -> None:
    task_id = driver.new(task_type, timeoutSeconds=1)

    def process() -> str:
        processed(driver)
        status: str = driver.task(task_id)["status"]
        return status

    eventually(process, lambda status: status == "timeout", seconds=3)


@pytest.mark.parametrize("started", [False, True], ids=["pending", "in progress"])
def test_an_overdue_task_ends_by_itself_within_two_seconds(
    driver: Driver, task_type: str, worker: str, started: bool
) -> None:
    task_id = driver.new(task_type, timeoutSeconds=1)
    if started:
        driver.start(task_id, workerId=worker)

    task = eventually(lambda: driver.task(task_id), lambda task: task["status"] == "timeout", seconds=4)

    due = instant(task["timeoutAt"])
    assert due <= instant(task["completedAt"]) <= due + GRACE
    assert task["workerId"] == (worker if started else None)


@pytest.mark.parametrize("started", [False, True], ids=["pending", "in progress"])
def test_a_tracker_sees_the_timeout_and_the_stream_ends(
    driver: Driver, task_type: str, worker: str, started: bool
) -> None:
    task_id = driver.new(task_type, timeoutSeconds=1)
    registered = time.monotonic()
    if started:
        driver.start(task_id, workerId=worker)
        driver.progress(task_id, {"n": 1})

    with driver.track(task_id) as stream:
        frames = stream.rest()

    assert time.monotonic() - registered < 1 + GRACE.total_seconds() + 1
    last = 1 if started else 0
    assert [frame.id for frame in frames] == [str(n + 1) for n in range(last)] + [f"{last}.timeout"]
    assert frames[-1].data == {"status": "timeout"}
    assert len(driver.task(task_id)["progressHistory"]) == last


def test_an_overdue_task_takes_no_part_in_claims(driver: Driver, task_type: str, worker: str) -> None:
    task_id = driver.new(task_type, timeoutSeconds=1)
    eventually(lambda: driver.task(task_id), lambda task: task["status"] == "timeout", seconds=4)

    assert driver.claimed(task_type, worker=worker) is None


def test_a_timeout_keeps_the_history(driver: Driver, task_type: str, worker: str) -> None:
    held = driver.held(task_type, worker, timeoutSeconds=1)
    held.append(3)

    task = eventually(held.task, lambda task: task["status"] == "timeout", seconds=4)

    assert task["progressHistory"] == [{"seqId": n + 1, "n": n} for n in range(3)]
