"""`POST /:taskId/release`: back into the queue."""

from __future__ import annotations

import pytest

from .driver import Driver, Held, unique
from .shapes import assert_json, numbers


def test_a_release_answers_exactly_what_is_promised(held: Held) -> None:
    answer = assert_json(held.release(), 200)

    assert set(answer) == {"taskId", "status", "message"}
    assert (answer["taskId"], answer["status"]) == (held.task_id, "pending")
    assert isinstance(answer["message"], str)
    assert answer["message"]


def test_a_release_takes_worker_start_and_lease_away(driver: Driver, task_type: str, worker: str) -> None:
    task_id = driver.new(task_type)
    driver.start(task_id, workerId=worker, leaseSeconds=600)

    driver.release(task_id)

    task = driver.task(task_id)
    assert task["status"] == "pending"
    assert (task["workerId"], task["startedAt"], task["leaseExpiresAt"]) == (None, None, None)


def test_a_release_keeps_attempt_history_and_timeout(held: Held) -> None:
    held.append(2)
    before = held.task()

    held.release()

    task = held.task()
    kept = ["attempt", "progressHistory", "lastSeqId", "lastProgress", "timeoutAt", "createdAt"]
    assert {name: task[name] for name in kept} == {name: before[name] for name in kept}
    assert numbers(task["progressHistory"]) == [1, 2]


def test_a_released_task_keeps_its_place_in_the_queue(driver: Driver, task_type: str, worker: str) -> None:
    first, second, third = (driver.new(task_type) for _ in range(3))
    held = driver.taken(task_type, worker=worker)

    held.release()

    assert [driver.taken(task_type, worker=worker).task_id for _ in range(3)] == [first, second, third]


def test_a_released_task_can_be_claimed_at_once_by_anybody(held: Held, task_type: str) -> None:
    held.release()

    second = held.driver.taken(task_type, worker=unique("second"))

    assert (second.task_id, second.attempt) == (held.task_id, 2)


def test_every_claim_and_start_counts_an_attempt(held: Held, task_type: str) -> None:
    attempts = [held.attempt]
    for turn in range(4):
        held.driver.release(held.task_id)
        if turn % 2:
            attempts.append(held.driver.start(held.task_id).json()["attempt"])
        else:
            attempts.append(held.driver.taken(task_type, worker=unique()).attempt)

    assert attempts == [1, 2, 3, 4, 5]


def test_numbers_go_on_across_a_release(held: Held, task_type: str) -> None:
    held.append(2)
    held.release()
    second = held.driver.taken(task_type, worker=unique("second"))

    answer = assert_json(second.progress({"by": "second"}), 200)

    assert (answer["firstSeqId"], answer["seqId"]) == (3, 3)
    assert numbers(second.task()["progressHistory"]) == [1, 2, 3]


def test_the_history_of_all_attempts_is_stored(held: Held, task_type: str) -> None:
    held.progress({"by": "first"})
    held.release()
    second = held.driver.taken(task_type, worker=unique("second"))
    second.progress({"by": "second"})

    second.complete()

    history = held.task()["progressHistory"]
    assert history == [{"seqId": 1, "by": "first"}, {"seqId": 2, "by": "second"}]


@pytest.mark.parametrize("with_identity", [True, False])
def test_a_released_task_takes_no_progress(held: Held, with_identity: bool) -> None:
    held.append(1)
    held.release()

    answer = held.driver.progress(held.task_id, {}, **(held.identity if with_identity else {}))

    assert answer.status_code == 409
    assert numbers(held.task()["progressHistory"]) == [1]
