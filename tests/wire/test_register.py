"""`POST /`: a new task."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest

from .driver import Driver, Held, Json, unique
from .shapes import assert_error, assert_json
from .waiting import at_once


def test_a_registration_answers_exactly_what_a_caller_needs(driver: Driver, task_type: str) -> None:
    task_id = unique()

    answer = assert_json(driver.register(task_type, taskId=task_id), 201)

    task = driver.task(task_id)
    assert answer == {
        "taskId": task_id,
        "status": "pending",
        "createdAt": task["createdAt"],
        "timeoutAt": task["timeoutAt"],
    }


def test_the_timeout_is_a_day_unless_told_otherwise(driver: Driver, task_type: str) -> None:
    assert driver.task(driver.new(task_type))["timeoutSeconds"] == 86400


LIMITS = [
    ("timeoutSeconds", [1, 31_536_000], [0, -1, 31_536_001]),
    ("priority", [-32_768, 0, 32_767], [-32_769, 32_768]),
    ("maxRetries", [0, 100], [-1, 101]),
    ("maxAttempts", [1, 1000], [0, 1001]),
]


@pytest.mark.parametrize(("field", "value"), [(field, value) for field, good, _ in LIMITS for value in good])
def test_a_value_at_its_limit_is_accepted(driver: Driver, task_type: str, field: str, value: int) -> None:
    task_id = driver.new(task_type, **{field: value})

    assert driver.task(task_id)[field] == value


@pytest.mark.parametrize(
    ("field", "value"), [(field, value) for field, _, bad in LIMITS for value in [*bad, 10**30]]
)
def test_a_value_over_its_limit_is_refused(driver: Driver, task_type: str, field: str, value: int) -> None:
    answer = driver.register(task_type, **{field: value})

    assert_error(answer, 400, "invalid_request")
    assert f"$.{field}" in answer.json()["message"]


def test_a_run_at_more_than_a_year_ahead_is_refused(driver: Driver, task_type: str) -> None:
    run_at = datetime.now(UTC) + timedelta(days=368)

    answer = driver.register(task_type, runAt=run_at.isoformat())

    assert_error(answer, 400, "invalid_request")
    assert "runAt" in answer.json()["message"]


GIVEN = {"params": {"src": "a.mov"}, "metadata": {"a": 1}, "timeoutSeconds": 60, "priority": 3}


def existing_id(details: Json) -> str:
    existing = details["existing"]
    found: str = existing["id"] if "id" in existing else existing["taskId"]
    return found


def test_a_taken_id_is_refused_and_the_existing_task_told(driver: Driver, task_type: str) -> None:
    task_id = driver.new(task_type, taskId=unique())

    details = assert_error(driver.register(task_type, taskId=task_id), 409, "task_exists")

    assert set(details) == {"existing", "sameRequest"}
    assert existing_id(details) == task_id
    assert details["existing"]["status"] == "pending"


def test_the_same_registration_again_is_recognised(driver: Driver, task_type: str) -> None:
    body = {"taskId": unique(), **GIVEN}
    driver.register(task_type, **body)

    details = assert_error(driver.register(task_type, **body), 409, "task_exists")

    assert details["sameRequest"] is True


@pytest.mark.parametrize(
    "changed",
    [{"params": {"src": "b.mov"}}, {"metadata": {"a": 2}}, {"timeoutSeconds": 61}, {"priority": 4}],
    ids=str,
)
def test_another_registration_under_a_taken_id_is_told_apart(
    driver: Driver, task_type: str, changed: dict[str, Any]
) -> None:
    body = {"taskId": unique(), **GIVEN}
    driver.register(task_type, **body)

    details = assert_error(driver.register(task_type, **{**body, **changed}), 409, "task_exists")

    assert details["sameRequest"] is False


def test_another_type_under_a_taken_id_is_told_apart(driver: Driver, task_type: str) -> None:
    task_id = driver.new(task_type, taskId=unique())

    details = assert_error(driver.register(unique("other"), taskId=task_id), 409, "task_exists")

    assert details["sameRequest"] is False
    assert driver.task(task_id)["taskType"] == task_type


def test_the_same_registration_is_recognised_after_the_task_has_moved_on(held: Held) -> None:
    before = held.task()
    answer = held.driver.register(before["taskType"], taskId=held.task_id, maxRetries=0)

    details = assert_error(answer, 409, "task_exists")

    assert details["sameRequest"] is True
    assert details["existing"]["status"] == "in_progress"
    assert held.task() == before


def test_of_racing_registrations_of_one_id_one_wins(driver: Driver, task_type: str) -> None:
    task_id = unique()

    register = partial(driver.register, task_type, taskId=task_id)

    answers = at_once([partial(register, params={"n": n}) for n in range(8)])

    winners = [n for n, answer in enumerate(answers) if answer.status_code == 201]
    assert len(winners) == 1
    assert driver.task(task_id)["params"] == {"n": winners[0]}
    for answer in answers:
        if answer.status_code != 201:
            assert_error(answer, 409, "task_exists")
