"""`POST /:taskId/start`: a task by its name."""

from __future__ import annotations

from datetime import timedelta
from functools import partial

import pytest

from .driver import Driver, Held, unique
from .shapes import assert_error, assert_json, every_ending, instant
from .waiting import at_once


def test_a_start_answers_exactly_what_a_worker_needs(driver: Driver, task_type: str, worker: str) -> None:
    task_id = driver.new(task_type)

    answer = assert_json(driver.start(task_id, workerId=worker), 200)

    assert answer == {
        "taskId": task_id,
        "status": "in_progress",
        "updatedAt": driver.task(task_id)["updatedAt"],
        "attempt": 1,
        "leaseExpiresAt": None,
    }


def test_a_start_with_a_lease_tells_its_end(driver: Driver, task_type: str, worker: str) -> None:
    task_id = driver.new(task_type)

    answer = driver.start(task_id, workerId=worker, leaseSeconds=600).json()

    ends = instant(answer["leaseExpiresAt"])
    assert ends > instant(answer["updatedAt"]) + timedelta(seconds=590)
    assert instant(driver.task(task_id)["leaseExpiresAt"]) == ends


def test_a_task_may_be_started_without_a_worker(driver: Driver, task_type: str) -> None:
    task_id = driver.new(task_type)

    assert_json(driver.start(task_id), 200)

    task = driver.task(task_id)
    assert (task["status"], task["workerId"], task["attempt"]) == ("in_progress", None, 1)


def test_run_at_does_not_hide_a_task_from_start(driver: Driver, task_type: str) -> None:
    now = instant(driver.task(driver.new(task_type))["createdAt"])
    task_id = driver.new(task_type, runAt=(now + timedelta(hours=1)).isoformat())

    assert_json(driver.start(task_id), 200)


def test_a_start_overtakes_the_queue(driver: Driver, task_type: str, worker: str) -> None:
    first, second = driver.new(task_type), driver.new(task_type)

    driver.start(second, workerId=worker)

    assert driver.taken(task_type, worker=worker).task_id == first


def test_a_start_of_a_released_task_is_a_new_attempt(held: Held) -> None:
    held.release()

    assert held.driver.start(held.task_id, workerId=unique()).json()["attempt"] == 2


@pytest.mark.parametrize("again", [False, True], ids=["another worker", "the same worker"])
def test_a_refused_start_tells_who_holds_the_task(held: Held, again: bool) -> None:
    starter = held.worker if again else unique("worker")

    answer = held.driver.start(held.task_id, workerId=starter)

    details = assert_error(answer, 409, "wrong_status")
    assert details == {"status": "in_progress", "workerId": held.worker, "attempt": 1}


def test_a_refused_start_tells_of_a_holder_without_a_name(driver: Driver, task_type: str) -> None:
    task_id = driver.new(task_type)
    driver.start(task_id)

    details = assert_error(driver.start(task_id, workerId="w"), 409, "wrong_status")

    assert details == {"status": "in_progress", "workerId": None, "attempt": 1}


@every_ending
def test_a_finished_task_is_not_started(held: Held, verb: str, status: str) -> None:
    held.driver.post(held.task_id, verb)

    details = assert_error(held.driver.start(held.task_id, workerId="w"), 409, "wrong_status")

    assert details == {"status": status, "workerId": held.worker, "attempt": 1}


def test_of_twelve_racing_starts_one_wins(driver: Driver, task_type: str) -> None:
    task_id = driver.new(task_type)
    workers = [unique("worker") for _ in range(12)]

    answers = at_once([partial(driver.start, task_id, workerId=worker) for worker in workers])

    winner = driver.task(task_id)["workerId"]
    assert [w for w, answer in zip(workers, answers, strict=True) if answer.status_code == 200] == [winner]
    for answer in answers:
        if answer.status_code != 200:
            details = assert_error(answer, 409, "wrong_status")
            assert details == {"status": "in_progress", "workerId": winner, "attempt": 1}
