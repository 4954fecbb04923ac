"""`POST /claim`: the next task for a worker."""

from __future__ import annotations

from datetime import timedelta

import pytest

from .driver import Driver, Held, unique
from .shapes import TASK_FIELDS, assert_error, assert_json, instant
from .waiting import eventually


def test_a_claim_answers_the_whole_task(driver: Driver, task_type: str, worker: str) -> None:
    task_id = driver.new(task_type, params={"src": "a.mov"})

    task = assert_json(driver.claim(task_type, worker=worker), 200)

    assert set(task) == TASK_FIELDS
    assert task == driver.task(task_id)
    assert (task["status"], task["workerId"], task["attempt"]) == ("in_progress", worker, 1)
    assert instant(task["startedAt"]) >= instant(task["createdAt"])


def test_a_claim_that_finds_nothing_answers_null(driver: Driver, task_type: str, worker: str) -> None:
    answer = driver.claim(task_type, worker=worker)

    assert assert_json(answer, 200) is None
    assert answer.text.strip() == "null"


def test_a_claimed_task_is_not_claimed_again(driver: Driver, task_type: str, worker: str) -> None:
    driver.new(task_type)
    driver.claimed(task_type, worker=worker)

    assert driver.claimed(task_type, worker=worker) is None
    assert driver.claimed(task_type, worker=unique()) is None


@pytest.mark.parametrize("verb", ["start", "timeout"])
def test_a_task_that_is_not_pending_is_not_claimed(
    driver: Driver, task_type: str, worker: str, verb: str
) -> None:
    driver.post(driver.new(task_type), verb)

    assert driver.claimed(task_type, worker=worker) is None


def test_only_tasks_of_the_given_types_are_claimed(driver: Driver, task_type: str, worker: str) -> None:
    driver.new(unique("other"))
    mine = driver.new(task_type)

    task = driver.claimed(task_type, unique("absent"), worker=worker)

    assert task is not None
    assert task["id"] == mine
    assert driver.claimed(task_type, worker=worker) is None


def test_tasks_are_claimed_in_the_order_of_registration(driver: Driver, task_type: str, worker: str) -> None:
    registered = [driver.new(task_type) for _ in range(6)]

    assert [driver.taken(task_type, worker=worker).task_id for _ in registered] == registered


def test_a_higher_priority_goes_first_then_the_order_of_registration(
    driver: Driver, task_type: str, worker: str
) -> None:
    low, plain, high, plain_too, high_too = (
        driver.new(task_type, **fields)
        for fields in ({"priority": -1}, {}, {"priority": 5}, {"priority": 0}, {"priority": 5})
    )

    claimed = [driver.taken(task_type, worker=worker).task_id for _ in range(5)]

    assert claimed == [high, high_too, plain, plain_too, low]


def test_the_order_of_the_given_types_means_nothing(driver: Driver, task_type: str, worker: str) -> None:
    other = unique("other")
    registered = [driver.new(kind) for kind in (other, task_type, other, task_type)]

    claimed = [driver.taken(task_type, other, worker=worker).task_id for _ in registered]

    assert claimed == registered


def test_priority_counts_across_types(driver: Driver, task_type: str, worker: str) -> None:
    other = unique("other")
    driver.new(task_type)
    urgent = driver.new(other, priority=1)

    assert driver.taken(task_type, other, worker=worker).task_id == urgent


def test_a_type_may_be_named_twice(driver: Driver, task_type: str, worker: str) -> None:
    driver.new(task_type)

    assert driver.claimed(task_type, task_type, worker=worker) is not None
    assert driver.claimed(task_type, task_type, worker=worker) is None


@pytest.mark.parametrize("count", [0, 101])
def test_a_claim_names_1_to_100_types(driver: Driver, worker: str, count: int) -> None:
    answer = driver.claim(*(f"{unique()}" for _ in range(count)), worker=worker)

    assert_error(answer, 400, "invalid_request")
    assert "$.taskTypes" in answer.json()["message"]


def test_a_claim_may_name_100_types(driver: Driver, task_type: str, worker: str) -> None:
    task_id = driver.new(task_type)

    assert driver.taken(*(unique() for _ in range(99)), task_type, worker=worker).task_id == task_id


def test_run_at_hides_a_task_from_claim(driver: Driver, task_type: str, worker: str) -> None:
    now = instant(driver.task(driver.new(unique()))["createdAt"])
    driver.new(task_type, runAt=(now + timedelta(hours=1)).isoformat(), priority=9)
    due = driver.new(task_type)

    assert driver.taken(task_type, worker=worker).task_id == due
    assert driver.claimed(task_type, worker=worker) is None


def test_a_run_at_in_the_past_hides_nothing(driver: Driver, task_type: str, worker: str) -> None:
    now = instant(driver.task(driver.new(unique()))["createdAt"])
    task_id = driver.new(task_type, runAt=(now - timedelta(days=400)).isoformat())

    assert driver.taken(task_type, worker=worker).task_id == task_id


def test_a_task_can_be_claimed_once_its_run_at_has_come(driver: Driver, task_type: str, worker: str) -> None:
    run_at = instant(driver.task(driver.new(unique()))["createdAt"]) + timedelta(seconds=0.8)
    task_id = driver.new(task_type, runAt=run_at.isoformat())

    task = eventually(lambda: driver.claimed(task_type, worker=worker), lambda task: task is not None)

    assert task is not None
    assert task["id"] == task_id
    assert instant(task["startedAt"]) >= run_at


def test_the_same_claim_id_finds_the_same_task_while_it_is_held(
    driver: Driver, task_type: str, worker: str
) -> None:
    driver.new(task_type)
    driver.new(task_type)
    claim_id = unique("claim")
    first = driver.claimed(task_type, worker=worker, claimId=claim_id)

    again = driver.claimed(task_type, worker=worker, claimId=claim_id)

    assert first is not None
    assert again is not None
    assert (again["id"], again["attempt"]) == (first["id"], first["attempt"])


@pytest.mark.parametrize("verb", ["complete", "fail", "timeout", "release"])
def test_a_claim_id_is_free_again_once_the_task_is_no_longer_held(
    driver: Driver, task_type: str, worker: str, verb: str
) -> None:
    registered = [driver.new(task_type, maxRetries=0), driver.new(task_type, maxRetries=0)]
    claim_id = unique("claim")
    driver.claimed(task_type, worker=worker, claimId=claim_id)

    driver.post(registered[0], verb)
    again = driver.claimed(task_type, worker=worker, claimId=claim_id)

    assert again is not None
    released = verb == "release"
    assert again["id"] == registered[0 if released else 1]
    assert again["attempt"] == (2 if released else 1)


def test_another_claim_id_gets_another_task(driver: Driver, task_type: str, worker: str) -> None:
    registered = [driver.new(task_type), driver.new(task_type)]

    claimed = [driver.claimed(task_type, worker=worker, claimId=unique()) for _ in registered]

    assert [task["id"] for task in claimed if task] == registered


def test_another_worker_with_the_same_claim_id_gets_another_task(driver: Driver, task_type: str) -> None:
    registered = [driver.new(task_type), driver.new(task_type)]
    claim_id = unique("claim")

    claimed = [driver.claimed(task_type, worker=unique("worker"), claimId=claim_id) for _ in registered]

    assert [task["id"] for task in claimed if task] == registered


def test_a_claim_id_may_have_64_characters(driver: Driver, task_type: str, worker: str) -> None:
    driver.new(task_type)

    assert driver.claimed(task_type, worker=worker, claimId=unique().ljust(64, "x")) is not None


def test_a_claim_id_of_65_characters_is_refused(driver: Driver, task_type: str, worker: str) -> None:
    answer = driver.claim(task_type, worker=worker, claimId="x" * 65)

    assert_error(answer, 400, "invalid_request")
    assert "$.claimId" in answer.json()["message"]


def test_a_claim_without_a_lease_has_none(held: Held) -> None:
    assert held.task()["leaseExpiresAt"] is None


def test_a_claim_with_a_lease_tells_its_end(driver: Driver, task_type: str, worker: str) -> None:
    driver.new(task_type)

    task = driver.claimed(task_type, worker=worker, leaseSeconds=600)

    assert task is not None
    assert instant(task["leaseExpiresAt"]) > instant(task["startedAt"]) + timedelta(seconds=590)
