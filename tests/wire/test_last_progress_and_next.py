"""`complete` and `fail` with the last entry and the next claim in the same call."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest

from .driver import Driver, Held, unique
from .shapes import TASK_FIELDS, assert_error, assert_json, frame_numbers, numbers
from .waiting import at_once

both_ends = pytest.mark.parametrize("verb", ["complete", "fail"])


def end(held: Held, verb: str, **fields: Any) -> Any:
    return held.driver.post(held.task_id, verb, {**held.identity, **fields})


# The last entry


@both_ends
def test_the_last_entry_is_stored_before_the_end(held: Held, verb: str) -> None:
    held.append(2)

    assert_json(end(held, verb, progress={"last": True}), 200)

    assert held.task()["progressHistory"] == [
        {"seqId": 1, "n": 0},
        {"seqId": 2, "n": 1},
        {"seqId": 3, "last": True},
    ]


@both_ends
def test_it_may_be_the_only_one(held: Held, verb: str) -> None:
    assert_json(end(held, verb, progress={"only": True}), 200)

    task = held.task()
    assert task["progressHistory"] == [{"seqId": 1, "only": True}]
    assert task["lastSeqId"] == 1
    with held.track() as stream:
        assert [frame.envelope["event"] for frame in stream.rest()] == ["progress", "status_change"]


def test_it_may_be_several(held: Held) -> None:
    assert_json(end(held, "complete", progress=[{"n": n} for n in range(1000)]), 200)

    assert numbers(held.task()["progressHistory"]) == list(range(1, 1001))


@pytest.mark.parametrize("before", [0, 3])
def test_whoever_follows_sees_it_before_the_end(held: Held, before: int) -> None:
    held.append(before)
    with held.track() as stream:
        stream.opening()
        stream.take(before)
        end(held, "complete", progress=[{}, {}])

        frames = stream.rest()

    assert frame_numbers(frames) == [before + 1, before + 2]
    assert frames[-1].envelope["event"] == "status_change"


@pytest.mark.parametrize("before", [0, 2])
def test_own_numbers_count_in_it_too(held: Held, before: int) -> None:
    held.append(before)

    assert_json(end(held, "complete", progress={"seqId": before + 1}), 200)

    assert numbers(held.task()["progressHistory"]) == list(range(1, before + 2))


@pytest.mark.parametrize("before", [0, 2])
def test_a_gap_in_them_is_refused_and_ends_nothing(held: Held, before: int) -> None:
    held.append(before)

    answer = end(held, "complete", progress={"seqId": before + 2})

    assert assert_error(answer, 409, "seq_gap") == {"expectedSeqId": before + 1}
    assert held.task()["status"] == "in_progress"


@both_ends
@pytest.mark.parametrize("before", [0, 2])
def test_a_repeat_stores_it_once(held: Held, verb: str, before: int) -> None:
    held.append(before)

    first, second = (assert_json(end(held, verb, progress={}), 200) for _ in range(2))

    assert first == second
    assert numbers(held.task()["progressHistory"]) == list(range(1, before + 2))


def test_it_is_not_stored_for_an_older_attempt(held: Held, task_type: str) -> None:
    held.release()
    held.driver.taken(task_type, worker=unique())

    assert_error(end(held, "complete", progress={}), 409, "stale_attempt")

    assert held.task()["progressHistory"] == []


@pytest.mark.parametrize("progress", [7, "x", [], [7], {"seqId": 0}])
def test_what_is_no_entry_is_refused_and_ends_nothing(held: Held, progress: object) -> None:
    answer = end(held, "complete", progress=progress)

    assert_error(answer, 400, "invalid_request")
    assert "progress" in answer.json()["message"]
    assert held.task()["status"] == "in_progress"


def test_null_is_no_entry(held: Held) -> None:
    assert_json(end(held, "complete", progress=None), 200)

    assert held.task()["progressHistory"] == []


def test_a_retry_follows_all_the_same(driver: Driver, task_type: str, worker: str) -> None:
    held = driver.held(task_type, worker, maxRetries=1)

    answer = assert_json(end(held, "fail", progress={}), 200)

    assert answer["newTaskId"] is not None
    assert numbers(held.task()["progressHistory"]) == [1]
    assert driver.task(answer["newTaskId"])["progressHistory"] == []


def test_a_task_never_ends_without_the_entry_that_came_with_its_end(held: Held) -> None:
    """Somebody who names no attempt ends it in the moment it is started anew."""
    for _ in range(8):
        other = held.driver.held("raced", "w")
        other.append(1)
        other.release()

        started, ended = at_once(
            [
                partial(held.driver.start, other.task_id, workerId="w"),
                partial(held.driver.complete, other.task_id, workerId="w", progress={"last": True}),
            ]
        )

        assert started.status_code == 200
        history = other.task()["progressHistory"]
        assert len(history) == (2 if ended.status_code == 200 else 1), ended.text


# The next claim


@both_ends
def test_the_next_task_comes_with_the_answer(held: Held, task_type: str, verb: str) -> None:
    waiting = held.driver.new(task_type)

    answer = assert_json(end(held, verb, next={"taskTypes": [task_type], "leaseSeconds": 600}), 200)

    following = answer["next"]
    assert set(following) == TASK_FIELDS
    assert (following["id"], following["status"], following["attempt"]) == (waiting, "in_progress", 1)
    assert following["workerId"] == held.worker
    assert following["leaseExpiresAt"] is not None
    assert held.task()["completedAt"] is not None


@both_ends
def test_where_nothing_waits_it_is_null(held: Held, task_type: str, verb: str) -> None:
    answer = assert_json(end(held, verb, next={"taskTypes": [task_type]}), 200)

    assert answer["next"] is None


def test_it_is_not_there_where_it_was_not_asked_for(held: Held) -> None:
    assert "next" not in assert_json(held.complete(), 200)


def test_a_repeat_with_a_claim_id_gets_the_same_task(held: Held, task_type: str) -> None:
    waiting = [held.driver.new(task_type) for _ in range(2)]
    wanted = {"taskTypes": [task_type], "claimId": unique("c")}

    answers = [assert_json(end(held, "complete", next=wanted), 200)["next"]["id"] for _ in range(2)]

    assert answers == [waiting[0]] * 2
    assert held.driver.task(waiting[1])["status"] == "pending"


def test_nothing_is_claimed_where_the_end_is_refused(held: Held, task_type: str) -> None:
    waiting = held.driver.new(task_type)
    held.release()
    held.driver.start(held.task_id)

    assert_error(end(held, "complete", next={"taskTypes": [task_type]}), 409, "stale_attempt")

    assert held.driver.task(waiting)["status"] == "pending"


@pytest.mark.parametrize("wanted", [{}, {"taskTypes": []}, {"taskTypes": "a"}, 7])
def test_an_impossible_next_is_refused_and_ends_nothing(held: Held, wanted: object) -> None:
    answer = end(held, "complete", next=wanted)

    assert_error(answer, 400, "invalid_request")
    assert "next" in answer.json()["message"]
    assert held.task()["status"] == "in_progress"


def test_next_needs_to_know_for_whom(held: Held, task_type: str) -> None:
    answer = held.driver.complete(held.task_id, next={"taskTypes": [task_type]})

    assert_error(answer, 400, "invalid_request")
    assert "workerId" in answer.json()["message"]
