"""`POST /:taskId/heartbeat`: still at work."""

from __future__ import annotations

from datetime import datetime

import pytest

from .driver import Driver, Held, unique
from .shapes import assert_error, assert_json


def seconds_between(earlier: str, later: str) -> float:
    return (datetime.fromisoformat(later) - datetime.fromisoformat(earlier)).total_seconds()


@pytest.fixture
def leased(driver: Driver, task_type: str, worker: str) -> Held:
    """A task with a lease of ten minutes."""
    return driver.started(driver.new(task_type), worker, leaseSeconds=600)


def test_a_heartbeat_answers_exactly_what_is_promised(leased: Held) -> None:
    answer = assert_json(leased.heartbeat(), 200)

    task = leased.task()
    assert answer == {
        "taskId": leased.task_id,
        "status": "in_progress",
        "leaseExpiresAt": task["leaseExpiresAt"],
        "timeoutAt": task["timeoutAt"],
        "cancelRequested": False,
    }


def test_a_heartbeat_extends_the_lease_by_its_whole_length(leased: Held) -> None:
    before = leased.task()

    leased.heartbeat()

    after = leased.task()
    assert after["leaseExpiresAt"] > before["leaseExpiresAt"]
    assert seconds_between(before["startedAt"], after["leaseExpiresAt"]) >= 600


@pytest.mark.parametrize("seconds", [5, 86_400])
def test_a_heartbeat_may_change_the_length_of_the_lease(leased: Held, seconds: int) -> None:
    began = leased.task()["startedAt"]

    answer = assert_json(leased.heartbeat(leaseSeconds=seconds), 200)

    assert seconds <= seconds_between(began, answer["leaseExpiresAt"]) < seconds + 30


def test_the_changed_length_stays(leased: Held) -> None:
    leased.heartbeat(leaseSeconds=3000)

    answer = assert_json(leased.heartbeat(), 200)

    assert seconds_between(leased.task()["startedAt"], answer["leaseExpiresAt"]) >= 3000


def test_without_a_lease_a_heartbeat_only_looks(held: Held) -> None:
    assert assert_json(held.heartbeat(), 200)["leaseExpiresAt"] is None
    assert held.task()["leaseExpiresAt"] is None


def test_a_heartbeat_can_give_a_task_a_lease(held: Held) -> None:
    assert assert_json(held.heartbeat(leaseSeconds=600), 200)["leaseExpiresAt"] is not None
    assert held.task()["leaseExpiresAt"] is not None


def test_a_heartbeat_needs_no_identity(leased: Held) -> None:
    assert_json(leased.driver.heartbeat(leased.task_id), 200)


def test_a_heartbeat_changes_nothing_else(leased: Held) -> None:
    before = leased.task()

    leased.heartbeat()

    after = leased.task()
    assert {**after, "leaseExpiresAt": None} == {**before, "leaseExpiresAt": None}


@pytest.mark.parametrize("seconds", [4, 86_401, 5.5, "60", True])
def test_an_impossible_lease_is_refused(leased: Held, seconds: object) -> None:
    answer = leased.heartbeat(leaseSeconds=seconds)

    assert_error(answer, 400, "invalid_request")
    assert "leaseSeconds" in answer.json()["message"]


def test_an_older_attempt_is_told_that_it_is_over(leased: Held, task_type: str) -> None:
    leased.release()
    second = leased.driver.taken(task_type, worker=unique("second"))

    details = assert_error(leased.heartbeat(), 409, "stale_attempt")

    assert details == {"status": "in_progress", "attempt": second.attempt}


def test_another_worker_is_refused(leased: Held) -> None:
    answer = leased.driver.heartbeat(leased.task_id, workerId=unique(), attempt=leased.attempt)

    assert_error(answer, 403, "not_task_worker")


def test_a_released_task_takes_no_heartbeat(leased: Held) -> None:
    leased.release()

    assert_error(leased.heartbeat(), 409, "stale_attempt")
    assert_error(leased.driver.heartbeat(leased.task_id), 409, "wrong_status")


def test_an_ended_task_takes_no_heartbeat(leased: Held) -> None:
    leased.complete()

    assert_error(leased.heartbeat(), 409, "wrong_status")


def test_an_unknown_task_is_not_found(driver: Driver) -> None:
    assert_error(driver.heartbeat(unique()), 404, "task_not_found")
