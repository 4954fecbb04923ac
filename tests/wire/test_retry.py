"""`POST /:taskId/retry` and the retries that a failure makes by itself."""

from __future__ import annotations

from functools import partial

import pytest

from .driver import Driver, Held
from .shapes import assert_error, assert_json, assert_wrong_status, instant
from .waiting import at_once


@pytest.fixture
def failed(held: Held) -> Held:
    """A task that has failed for good."""
    assert held.fail(error={"code": "x"}).json()["newTaskId"] is None
    return held


def retried(driver: Driver, task_id: str) -> str:
    new_id: str = assert_json(driver.retry(task_id), 201)["newTaskId"]
    return new_id


def failed_again(driver: Driver, task_id: str) -> None:
    driver.start(task_id)
    assert driver.fail(task_id, retry=False).status_code == 200


def test_a_retry_answers_exactly_what_is_promised(failed: Held) -> None:
    answer = assert_json(failed.driver.retry(failed.task_id), 201)

    assert set(answer) == {"newTaskId", "originalTaskId", "status", "retryCount"}
    assert answer["newTaskId"] != failed.task_id
    assert (answer["originalTaskId"], answer["retryCount"]) == (failed.task_id, 1)
    assert answer["status"] == "pending"


def test_a_retry_is_a_new_pending_task_of_the_chain(failed: Held) -> None:
    new = failed.driver.task(retried(failed.driver, failed.task_id))

    assert (new["originalTaskId"], new["retryCount"], new["status"]) == (failed.task_id, 1, "pending")
    assert (new["attempt"], new["workerId"], new["error"], new["progressHistory"]) == (0, None, None, [])
    assert new["newTaskId"] is None


def test_a_retry_is_asked_to_do_the_same(driver: Driver, task_type: str, worker: str) -> None:
    given = {"metadata": {"a": 1}, "params": {"b": 2}, "timeoutSeconds": 77, "priority": 4, "maxRetries": 0}
    held = driver.held(task_type, worker, **given)
    held.fail()

    new = driver.task(retried(driver, held.task_id))

    assert {name: new[name] for name in given} == given
    assert new["taskType"] == task_type


def test_a_retried_task_stays_as_it_ended_and_names_its_successor(failed: Held) -> None:
    new_id = retried(failed.driver, failed.task_id)

    task = failed.task()
    assert (task["status"], task["error"], task["newTaskId"]) == ("failed", {"code": "x"}, new_id)


def test_a_retry_can_be_claimed(failed: Held, task_type: str) -> None:
    new_id = retried(failed.driver, failed.task_id)

    assert failed.driver.taken(task_type, worker="w").task_id == new_id


def test_a_task_that_timed_out_can_be_retried(held: Held) -> None:
    held.driver.timeout(held.task_id)

    assert held.driver.task(retried(held.driver, held.task_id))["originalTaskId"] == held.task_id


def test_a_retry_of_a_retry_belongs_to_the_same_root(failed: Held) -> None:
    first = retried(failed.driver, failed.task_id)
    failed_again(failed.driver, first)

    answer = assert_json(failed.driver.retry(first), 201)

    assert (answer["originalTaskId"], answer["retryCount"]) == (failed.task_id, 2)
    new = failed.driver.task(answer["newTaskId"])
    assert (new["originalTaskId"], new["retryCount"]) == (failed.task_id, 2)


def test_a_chain_has_one_unfinished_task(failed: Held) -> None:
    new_id = retried(failed.driver, failed.task_id)

    details = assert_error(failed.driver.retry(failed.task_id), 409, "already_retried")

    assert details["newTaskId"] == new_id


def test_a_chain_has_one_unfinished_task_while_it_is_in_progress(failed: Held) -> None:
    new_id = retried(failed.driver, failed.task_id)
    failed.driver.start(new_id)

    details = assert_error(failed.driver.retry(failed.task_id), 409, "already_retried")

    assert details["newTaskId"] == new_id


def test_the_root_can_be_retried_again_once_its_retry_has_failed(failed: Held) -> None:
    failed_again(failed.driver, retried(failed.driver, failed.task_id))

    answer = assert_json(failed.driver.retry(failed.task_id), 201)

    assert (answer["originalTaskId"], answer["retryCount"]) == (failed.task_id, 2)


def test_any_task_of_the_chain_tells_of_the_unfinished_one(failed: Held) -> None:
    first = retried(failed.driver, failed.task_id)
    failed_again(failed.driver, first)
    second = retried(failed.driver, failed.task_id)

    details = assert_error(failed.driver.retry(first), 409, "already_retried")

    assert details["newTaskId"] == second


def test_of_racing_retries_one_wins(failed: Held) -> None:
    answers = at_once([partial(failed.driver.retry, failed.task_id)] * 8)

    winners = [answer.json()["newTaskId"] for answer in answers if answer.status_code == 201]
    assert len(winners) == 1
    for answer in answers:
        if answer.status_code != 201:
            assert assert_error(answer, 409, "already_retried")["newTaskId"] == winners[0]


def test_a_pending_task_is_not_retried(driver: Driver, task_type: str) -> None:
    assert_wrong_status(driver.retry(driver.new(task_type)), "pending")


def test_a_task_in_progress_is_not_retried(held: Held) -> None:
    assert_wrong_status(held.driver.retry(held.task_id), "in_progress")


def test_a_completed_task_is_not_retried(held: Held) -> None:
    held.complete()

    assert_wrong_status(held.driver.retry(held.task_id), "completed")


def test_a_failure_with_retries_left_makes_a_new_task(driver: Driver, task_type: str, worker: str) -> None:
    held = driver.held(task_type, worker, maxRetries=1, params={"src": "a.mov"})

    new_id = assert_json(held.fail(error="x"), 200)["newTaskId"]

    new = driver.task(new_id)
    assert (new["status"], new["originalTaskId"], new["retryCount"]) == ("pending", held.task_id, 1)
    assert new["params"] == {"src": "a.mov"}
    assert instant(new["runAt"]) > instant(new["createdAt"])
    assert (held.task()["status"], held.task()["newTaskId"]) == ("failed", new_id)


def test_an_automatic_retry_waits_for_its_turn(driver: Driver, task_type: str, worker: str) -> None:
    held = driver.held(task_type, worker, maxRetries=1)

    held.fail()

    assert driver.claimed(task_type, worker=worker) is None


def test_a_failure_that_spends_the_last_retry_ends_for_good(
    driver: Driver, task_type: str, worker: str
) -> None:
    new_id = driver.held(task_type, worker, maxRetries=1).fail().json()["newTaskId"]
    driver.start(new_id, workerId=worker)

    assert assert_json(driver.fail(new_id, workerId=worker), 200)["newTaskId"] is None


def test_a_failure_may_forbid_the_retry(driver: Driver, task_type: str, worker: str) -> None:
    held = driver.held(task_type, worker, maxRetries=3)

    assert assert_json(held.fail(retry=False), 200)["newTaskId"] is None

    assert held.task()["newTaskId"] is None


@pytest.mark.parametrize("retry", [True, None])
def test_a_failure_asks_for_a_retry_by_default(
    driver: Driver, task_type: str, worker: str, retry: bool | None
) -> None:
    held = driver.held(task_type, worker, maxRetries=3)

    assert held.fail(retry=retry).json()["newTaskId"] is not None


def test_a_task_that_was_retried_by_itself_is_not_retried_again(
    driver: Driver, task_type: str, worker: str
) -> None:
    held = driver.held(task_type, worker, maxRetries=1)
    new_id = held.fail().json()["newTaskId"]

    details = assert_error(driver.retry(held.task_id), 409, "already_retried")

    assert details["newTaskId"] == new_id
