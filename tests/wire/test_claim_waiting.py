"""`POST /claim` with `waitSeconds`: answered as soon as a fitting task can be claimed."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import timedelta
from typing import Any

import pytest

from .driver import Driver, Held, unique
from .parking import SOON, Claim, parked
from .rawhttp import Connection
from .shapes import TASK_FIELDS, assert_error, instant
from .waiting import eventually

Begin = Callable[..., Claim]


@pytest.fixture
def claim(wire_urls: list[str], worker: str) -> Iterator[Begin]:
    """Begins a claim that waits; where there are two instances, at the one that is not written to."""
    with ExitStack() as opened:

        def begin(*task_types: str, at: int = -1, worker: str = worker, **fields: Any) -> Claim:
            connection = opened.enter_context(Connection(wire_urls[at]))
            return Claim(connection, worker, *task_types, **fields)

        yield begin


@pytest.mark.parametrize("at", [0, -1])
def test_a_waiting_claim_is_answered_when_a_task_is_registered(
    driver: Driver, task_type: str, claim: Begin, at: int
) -> None:
    waiting = claim(task_type, at=at)
    parked()
    registered = time.monotonic()
    task_id = driver.new(task_type, params={"src": "a.mov"})

    task = waiting.task()

    assert time.monotonic() - registered < SOON
    assert set(task) == TASK_FIELDS
    assert task == driver.task(task_id)
    assert (task["status"], task["workerId"], task["attempt"]) == ("in_progress", waiting.worker, 1)


def test_a_claim_waits_for_several_types_at_once(driver: Driver, task_type: str, claim: Begin) -> None:
    types = [unique("type"), task_type, unique("type")]
    for kind in types:
        waiting = claim(*types)
        parked()
        task_id = driver.new(kind)

        assert waiting.task()["id"] == task_id
        assert waiting.seconds < SOON


def test_a_task_of_another_type_wakes_nobody(driver: Driver, task_type: str, claim: Begin) -> None:
    waiting = claim(task_type, waitSeconds=1)
    driver.new(unique("other"))

    assert waiting.answer() is None


def test_what_is_there_is_answered_at_once(driver: Driver, task_type: str, claim: Begin) -> None:
    task_id = driver.new(task_type)
    waiting = claim(task_type)

    assert waiting.task()["id"] == task_id
    assert waiting.seconds < SOON


def test_a_claim_that_waited_in_vain_is_answered_null(task_type: str, claim: Begin) -> None:
    waiting = claim(task_type, waitSeconds=1)

    assert waiting.answer() is None
    assert 0.95 < waiting.seconds < 3


def test_zero_is_not_waiting(task_type: str, claim: Begin) -> None:
    waiting = claim(task_type, waitSeconds=0)

    assert waiting.answer() is None
    assert waiting.seconds < SOON


@pytest.mark.parametrize("seconds", [-1, 61, 0.5, "1"])
def test_wait_seconds_is_a_whole_number_up_to_60(
    driver: Driver, task_type: str, worker: str, seconds: Any
) -> None:
    answer = driver.claim(task_type, worker=worker, waitSeconds=seconds)

    assert_error(answer, 400, "invalid_request")
    assert "$.waitSeconds" in answer.json()["message"]


def test_a_release_wakes_a_waiting_claim(held: Held, task_type: str, claim: Begin) -> None:
    waiting = claim(task_type)
    parked()
    held.append(2)
    held.release()

    task = waiting.task()

    assert waiting.seconds < SOON
    assert (task["id"], task["attempt"], task["lastSeqId"]) == (held.task_id, 2, 2)
    assert len(task["progressHistory"]) == 2


def test_a_retry_wakes_a_waiting_claim(held: Held, task_type: str, claim: Begin) -> None:
    held.fail()
    waiting = claim(task_type)
    parked()
    new_id = held.driver.retry(held.task_id).json()["newTaskId"]

    assert waiting.task()["id"] == new_id
    assert waiting.seconds < SOON


def test_a_task_whose_run_at_comes_wakes_a_waiting_claim(
    driver: Driver, task_type: str, claim: Begin
) -> None:
    now = instant(driver.task(driver.new(unique()))["createdAt"])
    run_at = now + timedelta(seconds=1)
    task_id = driver.new(task_type, runAt=run_at.isoformat())
    waiting = claim(task_type)

    task = waiting.task()

    assert task["id"] == task_id
    assert timedelta(0) <= instant(task["startedAt"]) - run_at < timedelta(seconds=SOON)


@pytest.mark.slow
def test_a_lapse_wakes_a_waiting_claim(driver: Driver, task_type: str, worker: str, claim: Begin) -> None:
    task_id = driver.new(task_type)
    driver.claimed(task_type, worker=worker, leaseSeconds=5)
    waiting = claim(task_type, waitSeconds=9)

    task = waiting.task()

    assert (task["id"], task["attempt"]) == (task_id, 2)
    assert 4.5 < waiting.seconds < 8


def test_one_registration_is_answered_to_one_of_many(driver: Driver, task_type: str, claim: Begin) -> None:
    waiting = [claim(task_type, worker=unique("worker"), at=n % 2 - 1, waitSeconds=2) for n in range(10)]
    parked()
    task_id = driver.new(task_type)

    got = [each.answer() for each in waiting]

    assert [task["id"] for task in got if task] == [task_id]


@pytest.mark.parametrize("bulk", [False, True])
def test_as_many_are_woken_as_there_are_tasks(
    driver: Driver, task_type: str, claim: Begin, bulk: bool
) -> None:
    waiting = [claim(task_type, worker=unique("worker"), at=n % 2 - 1) for n in range(12)]
    parked()
    registered = time.monotonic()
    if bulk:
        ids = [one["taskId"] for one in driver.outcomes("register", [{"taskType": task_type}] * 12)]
    else:
        ids = [driver.new(task_type) for _ in waiting]

    got = [each.task() for each in waiting]

    assert time.monotonic() - registered < SOON
    assert sorted(task["id"] for task in got) == sorted(ids)
    assert all(task["workerId"] == each.worker for task, each in zip(got, waiting, strict=True))
    assert all(task["attempt"] == 1 for task in got)


def test_claims_for_other_types_do_not_hold_up_a_waiting_one(
    driver: Driver, task_type: str, claim: Begin
) -> None:
    both = unique("type")
    first, second = claim(task_type), claim(task_type, both)
    parked()
    for kind in (both, task_type):
        driver.new(kind)

    assert second.task()["taskType"] == both
    assert first.task()["taskType"] == task_type
    assert first.seconds < SOON


def test_a_waiting_claim_with_a_claim_id_is_repeatable(driver: Driver, task_type: str, claim: Begin) -> None:
    name = unique("claim")
    waiting = claim(task_type, claimId=name)
    parked()
    driver.new(task_type)
    task = waiting.task()
    again = claim(task_type, claimId=name)

    assert (again.task()["id"], again.seconds < SOON) == (task["id"], True)


def test_who_hung_up_while_waiting_gets_nothing_and_keeps_nothing_from_others(
    driver: Driver, task_type: str, worker: str, claim: Begin
) -> None:
    gone = [claim(task_type, worker=unique("gone"), at=n % 2 - 1) for n in range(6)]
    parked()
    still_there = claim(task_type)
    parked()
    for each in gone:
        each.connection.close()
    registered = time.monotonic()
    task_id = driver.new(task_type)

    assert still_there.task()["id"] == task_id
    assert time.monotonic() - registered < SOON


@pytest.mark.parametrize("turn", range(3))
def test_a_task_claimed_for_somebody_just_gone_is_claimable_again_within_a_second(
    driver: Driver, task_type: str, worker: str, claim: Begin, turn: int
) -> None:
    gone = claim(task_type, worker=unique("gone"))
    parked()
    gone.connection.close()
    time.sleep(0.01 + turn * 0.001)  # for its goodbye to arrive
    task_id = driver.new(task_type, maxRetries=1)

    task = eventually(lambda: driver.claimed(task_type, worker=worker), lambda task: task is not None, 1)

    assert task is not None
    assert task["id"] == task_id
    failed = driver.fail(task_id, workerId=worker, attempt=task["attempt"]).json()
    assert failed["newTaskId"] is not None, "the lost claim did not count as a failure"


def test_a_caller_who_shuts_one_side_of_the_connection_counts_as_gone(
    driver: Driver, task_type: str, worker: str, claim: Begin
) -> None:
    gone = claim(task_type, worker=unique("gone"))
    parked()
    gone.connection.shut()
    parked()
    task_id = driver.new(task_type)

    assert driver.taken(task_type, worker=worker).task_id == task_id


def test_the_connection_serves_on_after_a_claim_that_waited(task_type: str, claim: Begin) -> None:
    waiting = claim(task_type, waitSeconds=1)
    waiting.answer()

    assert waiting.connection.exchange("GET", "/healthz").status_code == 200
