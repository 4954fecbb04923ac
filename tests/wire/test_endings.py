"""`complete`, `fail`, `timeout`: the three ways a task ends."""

from __future__ import annotations

from functools import partial

import httpx
import pytest

from .driver import Driver, Held
from .shapes import assert_error, assert_json, assert_wrong_status, instant
from .waiting import at_once

TERMINAL = {"complete": "completed", "fail": "failed", "timeout": "timeout"}
VERBS = ["start", "complete", "fail", "timeout", "release", "progress"]


def test_a_completion_answers_exactly_what_is_promised(held: Held) -> None:
    answer = assert_json(held.complete(result={"frames": 3}), 200)

    task = held.task()
    assert answer == {"taskId": held.task_id, "status": "completed", "updatedAt": task["updatedAt"]}
    assert (task["status"], task["result"], task["error"]) == ("completed", {"frames": 3}, None)


def test_a_failure_answers_exactly_what_is_promised(held: Held) -> None:
    answer = assert_json(held.fail(error={"code": "disk_full"}), 200)

    task = held.task()
    expected = {"taskId": held.task_id, "status": "failed", "updatedAt": task["updatedAt"], "newTaskId": None}
    assert answer == expected
    assert (task["status"], task["error"], task["result"]) == ("failed", {"code": "disk_full"}, None)


def test_a_timeout_answers_exactly_what_is_promised(held: Held) -> None:
    answer = assert_json(held.driver.timeout(held.task_id), 200)

    task = held.task()
    assert answer == {"taskId": held.task_id, "status": "timeout", "updatedAt": task["updatedAt"]}
    assert (task["status"], task["result"]) == ("timeout", None)


def test_a_pending_task_can_be_timed_out(driver: Driver, task_type: str) -> None:
    task_id = driver.new(task_type)

    assert assert_json(driver.timeout(task_id), 200)["status"] == "timeout"

    assert driver.task(task_id)["status"] == "timeout"


def test_the_worker_of_a_timeout_is_only_information(held: Held) -> None:
    assert_json(held.driver.timeout(held.task_id, workerId="somebody else"), 200)

    assert held.task()["workerId"] == held.worker


def test_an_ending_without_result_or_error_leaves_them_null(driver: Driver, task_type: str) -> None:
    for verb in ["complete", "fail"]:
        task_id = driver.held(task_type, "w", maxRetries=0).task_id
        driver.post(task_id, verb)

        task = driver.task(task_id)
        assert (task["result"], task["error"]) == (None, None)


@pytest.mark.parametrize("verb", ["complete", "fail", "release", "progress"])
def test_a_pending_task_is_in_the_wrong_state_for_its_worker(
    driver: Driver, task_type: str, verb: str
) -> None:
    task_id = driver.new(task_type)

    answer = driver.post(task_id, verb, {"progress": {}})

    assert_wrong_status(answer, "pending")
    assert driver.task(task_id)["status"] == "pending"


@pytest.mark.parametrize(
    ("ending", "verb"), [(ending, verb) for ending in TERMINAL for verb in VERBS if verb != ending]
)
def test_nothing_leaves_a_terminal_state(held: Held, ending: str, verb: str) -> None:
    held.driver.post(held.task_id, ending)
    before = held.task()

    answer = held.driver.post(held.task_id, verb, {"progress": {"n": 1}})

    assert_wrong_status(answer, TERMINAL[ending])
    assert held.task() == before


@pytest.mark.parametrize("verb", ["complete", "fail"])
def test_the_same_ending_by_somebody_else_is_refused(held: Held, verb: str) -> None:
    held.driver.post(held.task_id, verb, held.identity)
    before = held.task()

    answer = held.driver.post(held.task_id, verb, {"workerId": "somebody else", "result": 2, "error": 2})

    assert_wrong_status(answer, before["status"])
    assert held.task() == before


@pytest.mark.parametrize("verb", ["complete", "fail", "release", "progress"])
def test_a_task_started_without_a_worker_is_anybodys(driver: Driver, task_type: str, verb: str) -> None:
    task_id = driver.new(task_type, maxRetries=0)
    driver.start(task_id)

    answer = driver.post(task_id, verb, {"workerId": "w", "progress": {}})

    assert_json(answer, 200)


@pytest.mark.parametrize("verb", ["complete", "fail", "release", "progress"])
@pytest.mark.parametrize("sent", ["worker", "attempt", "nothing"])
def test_worker_and_attempt_may_be_left_out(held: Held, verb: str, sent: str) -> None:
    identity = {"worker": ["workerId"], "attempt": ["attempt"], "nothing": []}[sent]
    body = {name: held.identity[name] for name in identity}

    answer = held.driver.post(held.task_id, verb, {**body, "progress": {"n": 1}})

    assert_json(answer, 200)


def finish(driver: Driver, task_id: str) -> list[httpx.Response]:
    """Complete, fail and time out one task at the same moment."""
    return at_once(
        [
            partial(driver.complete, task_id, result="completed"),
            partial(driver.fail, task_id, error="failed"),
            partial(driver.timeout, task_id),
        ]
    )


def test_of_twelve_racing_finishers_of_four_tasks_each_task_has_one(driver: Driver, task_type: str) -> None:
    tasks = [driver.held(task_type, "w", maxRetries=0).task_id for _ in range(4)]

    rounds = at_once([partial(finish, driver, task_id) for task_id in tasks])

    for task_id, answers in zip(tasks, rounds, strict=True):
        status = driver.task(task_id)["status"]
        assert [a.json()["status"] for a in answers if a.status_code == 200] == [status]
        for answer in answers:
            if answer.status_code != 200:
                assert_wrong_status(answer, status)


def test_of_twelve_racing_finishers_of_one_task_one_result_stands(held: Held) -> None:
    calls = [partial(held.complete, result=n) for n in range(6)]
    calls += [partial(held.fail, error=n) for n in range(6)]

    with held.track() as stream:
        answers = at_once(calls)
        frames = stream.rest()

    task = held.task()
    winners = [answer for answer in answers if answer.status_code == 200]
    assert {answer.json()["status"] for answer in winners} == {task["status"]}
    assert len({answer.text for answer in winners}) == 1
    assert len(winners) == 6
    for answer in answers:
        if answer.status_code != 200:
            assert_wrong_status(answer, task["status"])
    assert [frame.data["status"] for frame in frames] == [task["status"]]


def test_an_end_is_never_before_its_start(held: Held) -> None:
    held.complete()

    task = held.task()
    assert instant(task["createdAt"]) <= instant(task["startedAt"]) <= instant(task["completedAt"])


@pytest.mark.parametrize("verb", ["complete", "fail", "release"])
def test_another_worker_is_refused_and_changes_nothing(held: Held, verb: str) -> None:
    before = held.task()

    answer = held.driver.post(held.task_id, verb, {"workerId": "somebody else"})

    assert_error(answer, 403, "not_task_worker")
    assert held.task() == before
