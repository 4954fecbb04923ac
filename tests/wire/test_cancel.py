"""`POST /:taskId/cancel`: no longer wanted."""

from __future__ import annotations

from functools import partial

import pytest

from .driver import Driver, Held, unique
from .shapes import assert_error, assert_json, assert_wrong_status, every_ending, numbers
from .waiting import at_once


def test_a_pending_task_ends_at_once(driver: Driver, task_type: str, worker: str) -> None:
    task_id = driver.new(task_type)

    answer = assert_json(driver.cancel(task_id, reason="user closed the page"), 200)

    task = driver.task(task_id)
    assert answer == {
        "taskId": task_id,
        "status": "failed",
        "updatedAt": task["updatedAt"],
        "cancelRequested": True,
    }
    assert task["status"] == "failed"
    assert task["error"] == {"code": "cancelled", "message": "user closed the page"}
    assert task["completedAt"] is not None
    assert task["cancelRequestedAt"] is not None
    assert driver.claimed(task_type, worker=worker) is None


def test_without_a_reason_there_is_a_message_all_the_same(driver: Driver, task_type: str) -> None:
    task_id = driver.new(task_type)

    assert_json(driver.post(task_id, "cancel"), 200)

    error = driver.task(task_id)["error"]
    assert error["code"] == "cancelled"
    assert error["message"]


def test_whoever_follows_a_pending_task_is_told_the_end(driver: Driver, task_type: str) -> None:
    task_id = driver.new(task_type)
    with driver.track(task_id) as stream:
        stream.opening()
        driver.cancel(task_id, reason="why")

        (final,) = stream.rest()

    assert final.data == {
        "status": "failed", "error": {"code": "cancelled", "message": "why"}, "newTaskId": None
    }  # fmt: skip


def test_a_running_task_is_flagged_and_goes_on(held: Held) -> None:
    answer = assert_json(held.driver.cancel(held.task_id, reason="why"), 200)

    task = held.task()
    assert (answer["status"], answer["cancelRequested"]) == ("in_progress", True)
    assert answer["updatedAt"] == task["updatedAt"]
    assert (task["status"], task["error"]) == ("in_progress", None)
    assert task["cancelRequestedAt"] is not None


def test_its_worker_is_told_in_every_answer_to_progress_and_heartbeats(held: Held) -> None:
    told = [held.heartbeat().json()["cancelRequested"], held.progress({}).json()["cancelRequested"]]
    held.driver.cancel(held.task_id)

    told += [held.progress({}).json()["cancelRequested"], held.heartbeat().json()["cancelRequested"]]

    assert told == [False, False, True, True]


def test_a_worker_whose_first_entry_comes_later_is_told_too(held: Held) -> None:
    held.driver.cancel(held.task_id)

    assert assert_json(held.progress({}), 200)["cancelRequested"] is True


def test_lifecycle_trackers_see_the_request(held: Held) -> None:
    with held.track("?lifecycle=true") as stream:
        stream.take(1)
        held.driver.cancel(held.task_id)

        seen = stream.take(1)[0]

    assert (seen.data["reason"], seen.data["status"]) == ("cancel_requested", "in_progress")
    assert (seen.data["cancelRequested"], seen.data["final"]) == (True, False)
    assert (seen.data["workerId"], seen.data["attempt"]) == (held.worker, held.attempt)


def test_others_do_not(held: Held) -> None:
    with held.track() as stream:
        stream.opening()
        held.driver.cancel(held.task_id)
        held.complete()

        assert [frame.data["status"] for frame in stream.rest()] == ["completed"]


def test_complete_still_wins(held: Held) -> None:
    held.driver.cancel(held.task_id)

    assert_json(held.complete(result=1), 200)

    assert (held.task()["status"], held.task()["result"]) == ("completed", 1)


def test_a_release_ends_it_as_cancelled(held: Held) -> None:
    held.append(2)
    held.driver.cancel(held.task_id, reason="why")

    answers = [assert_json(held.release(), 200) for _ in range(2)]

    assert [answer["status"] for answer in answers] == ["failed", "failed"]
    task = held.task()
    assert (task["status"], task["error"]) == ("failed", {"code": "cancelled", "message": "why"})
    assert numbers(task["progressHistory"]) == [1, 2]
    with held.track() as stream:
        assert [frame.envelope["event"] for frame in stream.rest()] == ["progress"] * 2 + ["status_change"]


def test_a_worker_that_honours_it_with_an_empty_fail_ends_it_as_cancelled(held: Held) -> None:
    held.driver.cancel(held.task_id, reason="why")

    assert_json(held.fail(), 200)

    assert held.task()["error"] == {"code": "cancelled", "message": "why"}


def test_a_cancelled_task_is_not_retried_by_itself(driver: Driver, task_type: str, worker: str) -> None:
    held = driver.held(task_type, worker, maxRetries=5)
    driver.cancel(held.task_id)

    assert assert_json(held.fail(error={"mine": True}), 200)["newTaskId"] is None

    assert held.task()["error"] == {"mine": True}


def test_a_cancelled_task_can_be_retried_by_hand(driver: Driver, task_type: str, worker: str) -> None:
    task_id = driver.new(task_type)
    driver.cancel(task_id)

    again = assert_json(driver.retry(task_id), 201)["newTaskId"]

    task = driver.task(again)
    assert (task["status"], task["cancelRequestedAt"]) == ("pending", None)
    assert driver.taken(task_type, worker=worker).heartbeat().json()["cancelRequested"] is False


def test_a_repeat_is_answered_as_the_first_time(driver: Driver, held: Held, task_type: str) -> None:
    pending = driver.new(task_type)

    for task_id in (pending, held.task_id):
        first, second = (assert_json(driver.cancel(task_id, reason=why), 200) for why in ("first", "second"))
        assert first == second
    held.release()

    assert driver.task(pending)["error"]["message"] == held.task()["error"]["message"] == "first"


@every_ending
def test_an_ended_task_cannot_be_cancelled(held: Held, verb: str, status: str) -> None:
    held.driver.post(held.task_id, verb)

    assert_wrong_status(held.driver.cancel(held.task_id), status)


def test_an_unknown_task_is_not_found(driver: Driver) -> None:
    assert_error(driver.cancel(unique()), 404, "task_not_found")


@pytest.mark.parametrize("reason", [7, {}, "x" * 1001, "a\u0000b"])
def test_a_reason_is_a_short_text(driver: Driver, task_type: str, reason: object) -> None:
    answer = driver.cancel(driver.new(task_type), reason=reason)

    assert_error(answer, 400, "invalid_request")
    assert "reason" in answer.json()["message"]


def test_a_reason_that_cannot_be_stored_is_refused_in_words(driver: Driver, task_type: str) -> None:
    task_id = driver.new(task_type)

    answers = [driver.cancel(task_id, reason="a\u0000b").json()]
    answers += driver.outcomes("cancel", [{"taskId": task_id, "reason": "a\u0000b"}])

    told = [answer["message"].removeprefix("`$.").replace("items[0].", "") for answer in answers]
    assert told == [r"reason` must not hold the character \u0000, which cannot be stored; leave it out."] * 2
    assert driver.cancel(task_id, reason="a\nb").status_code == 200


def test_cancel_racing_complete_has_one_outcome(driver: Driver, task_type: str, worker: str) -> None:
    for _ in range(10):
        held = driver.held(task_type, worker)
        driver.cancel(held.task_id)

        release, complete = at_once([held.release, held.complete])

        assert sorted([release.status_code, complete.status_code]) == [200, 409]
        status = "failed" if release.status_code == 200 else "completed"
        assert held.task()["status"] == status
        with held.track() as stream:
            assert [frame.data["status"] for frame in stream.rest()] == [status]


def test_cancel_racing_claim_leaves_one_of_both_states(driver: Driver, task_type: str, worker: str) -> None:
    for _ in range(10):
        task_id = driver.new(task_type)

        cancelled, claimed = at_once(
            [partial(driver.cancel, task_id), partial(driver.claim, task_type, worker=worker)]
        )

        if claimed.json() is None:
            assert cancelled.json()["status"] == "failed"
        else:
            assert cancelled.json()["status"] == "in_progress"
            assert driver.heartbeat(task_id).json()["cancelRequested"] is True
