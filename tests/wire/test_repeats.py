"""Repeating a call whose answer was lost is safe."""

from __future__ import annotations

from functools import partial

import pytest

from .driver import Driver, Held, Json, unique
from .shapes import assert_error, assert_json, assert_wrong_status
from .waiting import at_once


@pytest.mark.parametrize(("verb", "field"), [("complete", "result"), ("fail", "error")])
def test_the_same_ending_again_is_answered_as_the_first_time(held: Held, verb: str, field: str) -> None:
    first = assert_json(held.driver.post(held.task_id, verb, {**held.identity, field: {"n": 1}}), 200)
    before = held.task()

    again = assert_json(held.driver.post(held.task_id, verb, {**held.identity, field: {"n": 1}}), 200)

    assert again == first
    assert held.task() == before


@pytest.mark.parametrize(("verb", "field"), [("complete", "result"), ("fail", "error")])
def test_of_two_results_the_first_stands(held: Held, verb: str, field: str) -> None:
    first = held.driver.post(held.task_id, verb, {**held.identity, field: "first"}).json()

    again = assert_json(held.driver.post(held.task_id, verb, {**held.identity, field: "second"}), 200)

    assert again == first
    assert held.task()[field] == "first"


def test_the_same_release_again_is_answered_as_the_first_time(held: Held) -> None:
    first = assert_json(held.release(), 200)
    before = held.task()

    again = assert_json(held.release(), 200)

    assert again == first
    assert held.task() == before


@pytest.mark.parametrize("then", ["timeout", "cancel"])
def test_a_release_is_answered_as_the_first_time_whatever_became_of_the_task(held: Held, then: str) -> None:
    first = assert_json(held.release(), 200)
    held.driver.post(held.task_id, then)

    assert assert_json(held.release(), 200) == first


def test_an_end_that_was_not_the_workers_is_no_repeat(held: Held) -> None:
    held.release()
    held.driver.cancel(held.task_id)

    assert_wrong_status(held.fail(), "failed")


def test_a_repeated_release_does_not_touch_the_next_holder(held: Held, task_type: str) -> None:
    held.release()
    second = held.driver.taken(task_type, worker=unique("second"))
    before = second.task()

    held.release()

    assert second.task() == before
    assert_json(second.complete(), 200)


def test_a_repeated_failure_makes_one_retry_only(driver: Driver, task_type: str, worker: str) -> None:
    held = driver.held(task_type, worker, maxRetries=2)
    first = held.fail(error="x").json()

    again = assert_json(held.fail(error="x"), 200)

    assert again == first
    assert again["newTaskId"] == held.task()["newTaskId"]
    assert driver.task(again["newTaskId"])["newTaskId"] is None


@pytest.mark.parametrize("retries", [0, 1])
def test_a_repeated_failure_names_its_own_retry_whatever_was_retried_since(
    driver: Driver, task_type: str, worker: str, retries: int
) -> None:
    held = driver.held(task_type, worker, maxRetries=retries)
    first = assert_json(held.fail(error="x"), 200)
    assert (first["newTaskId"] is not None) == (retries > 0)
    if retries:
        driver.timeout(first["newTaskId"])
    by_hand = assert_json(driver.retry(held.task_id), 201)["newTaskId"]

    assert assert_json(held.fail(error="x"), 200) == first
    assert (
        driver.outcomes("fail", [{"taskId": held.task_id, **held.identity}])[0]["newTaskId"]
        == first["newTaskId"]
    )
    assert held.task()["newTaskId"] == by_hand
    with held.track() as stream:
        assert stream.rest()[-1].data["newTaskId"] == by_hand


def test_a_repeat_by_another_worker_is_none(held: Held) -> None:
    held.complete()

    answer = held.driver.complete(held.task_id, workerId="somebody else", attempt=held.attempt)

    assert assert_error(answer, 409, "wrong_status")["status"] == "completed"


def test_a_repeat_of_an_older_attempt_is_none(held: Held, task_type: str) -> None:
    held.release()
    held.driver.taken(task_type, worker=held.worker).complete()

    answer = held.complete()

    assert_error(answer, 409, "stale_attempt")


@pytest.mark.parametrize("verb", ["complete", "fail", "release"])
def test_racing_repeats_are_all_answered_alike(held: Held, verb: str) -> None:
    body: Json = {**held.identity, "result": 1, "error": 1}

    answers = at_once([partial(held.driver.post, held.task_id, verb, body) for _ in range(8)])

    assert [answer.status_code for answer in answers] == [200] * 8
    assert len({answer.text for answer in answers}) == 1


def test_progress_with_its_own_number_can_be_repeated(held: Held) -> None:
    first = assert_json(held.progress({"seqId": 1, "n": 1}), 200)

    again = assert_json(held.progress({"seqId": 1, "n": 1}), 200)

    assert again == first
    assert held.task()["progressHistory"] == [{"seqId": 1, "n": 1}]


def test_racing_repeats_of_one_numbered_entry_append_it_once(held: Held) -> None:
    answers = at_once([partial(held.progress, {"seqId": 1, "n": 1})] * 8)

    assert [answer.status_code for answer in answers] == [200] * 8
    assert len({answer.json()["timestamp"] for answer in answers}) == 1
    assert held.task()["progressHistory"] == [{"seqId": 1, "n": 1}]


def test_a_claim_repeated_at_the_same_moment_takes_one_task(
    driver: Driver, task_type: str, worker: str
) -> None:
    registered = [driver.new(task_type) for _ in range(3)]
    claim_id = unique("claim")

    driver.claimed(task_type, worker=worker, claimId=claim_id)
    repeats = at_once([partial(driver.claimed, task_type, worker=worker, claimId=claim_id)] * 6)

    assert {task["id"] for task in repeats if task is not None} == {registered[0]}
    assert driver.taken(task_type, worker=unique("other")).task_id == registered[1]
