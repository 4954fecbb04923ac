"""Figures of all tasks and of each type."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import pytest

from .driver import TASKS, Driver, Json, unique
from .shapes import assert_json
from .waiting import eventually

FIGURES = {"counts", "oldestPendingSeconds", "lastHour"}
BUSY = 20
"""Only the busiest types are shown, and other tests have types of their own."""


@pytest.fixture
def task_type(driver: Driver) -> str:
    """A type of this test's own, with so many cancelled tasks."""
    task_type = unique("busy")
    tasks = [{"taskType": task_type, "taskId": unique("t")} for _ in range(BUSY)]
    driver.write.post(f"{TASKS}/bulk/register", json={"tasks": tasks})
    driver.write.post(f"{TASKS}/bulk/cancel", json={"items": [{"taskId": each["taskId"]} for each in tasks]})
    return task_type


def hour(*, registered: int, completed: int = 0, failed: int = 0, timeout: int = 0) -> Json:
    """What the last hour should show, with the cancelled tasks."""
    return {
        "registered": BUSY + registered,
        "completed": completed,
        "failed": BUSY + failed,
        "timeout": timeout,
    }


def stats(driver: Driver) -> Json:
    found: Json = assert_json(driver.read.get(f"{TASKS}/stats"), 200)
    return found


def of_type(driver: Driver, task_type: str) -> Json:
    """The figures of one type; zeros where there is nothing to tell."""
    for found in stats(driver)["types"]:
        if found["taskType"] == task_type:
            return dict(found)
    return {}


def wait_for(driver: Driver, task_type: str, **wanted: Json | None) -> Json:
    """The figures of a type, once they are so."""
    return eventually(
        lambda: of_type(driver, task_type),
        lambda found: {name: found.get(name, "nothing") for name in wanted} == wanted,
    )


def test_figures_have_their_shape(driver: Driver, task_type: str) -> None:
    driver.new(task_type)
    eventually(lambda: of_type(driver, task_type), bool)

    found = stats(driver)

    assert set(found) == FIGURES | {"types"}
    assert set(found["counts"]) == {"pending", "in_progress"}
    assert set(found["lastHour"]) == {"registered", "completed", "failed", "timeout"}
    assert all(set(each) == FIGURES | {"taskType"} for each in found["types"])


def test_active_tasks_are_counted_by_type(driver: Driver, task_type: str, worker: str) -> None:
    for _ in range(3):
        driver.new(task_type)
    driver.held(task_type, worker)

    wait_for(driver, task_type, counts={"pending": 3, "in_progress": 1})


def test_what_happened_in_the_last_hour_is_counted_by_type(
    driver: Driver, task_type: str, worker: str
) -> None:
    driver.new(task_type)
    for verb, count in (("complete", 3), ("fail", 2), ("timeout", 1)):
        for _ in range(count):
            driver.post(driver.held(task_type, worker).task_id, verb, {})

    wait_for(driver, task_type, lastHour=hour(registered=7, completed=3, failed=2, timeout=1))


def test_a_retry_counts_as_registered(driver: Driver, task_type: str, worker: str) -> None:
    held = driver.held(task_type, worker, maxRetries=1)
    assert held.fail().json()["newTaskId"]

    wait_for(driver, task_type, lastHour=hour(registered=2, completed=0, failed=1, timeout=0))


def test_a_cancelled_task_counts_as_failed(driver: Driver, task_type: str) -> None:
    assert driver.post(driver.new(task_type), "cancel").status_code == 200

    wait_for(driver, task_type, lastHour=hour(registered=1, completed=0, failed=1, timeout=0))


def test_the_oldest_pending_task_tells_its_age(driver: Driver, task_type: str) -> None:
    driver.new(task_type)
    time.sleep(0.5)
    driver.new(task_type)

    wait_for(driver, task_type, counts={"pending": 2, "in_progress": 0})
    assert 0.5 <= of_type(driver, task_type)["oldestPendingSeconds"] < 30
    assert stats(driver)["oldestPendingSeconds"] >= of_type(driver, task_type)["oldestPendingSeconds"]


def test_a_task_of_tomorrow_is_pending_but_does_not_wait(driver: Driver, task_type: str) -> None:
    driver.new(task_type, runAt=(datetime.now(UTC) + timedelta(days=1)).isoformat())

    wait_for(driver, task_type, counts={"pending": 1, "in_progress": 0}, oldestPendingSeconds=None)


def test_a_type_whose_tasks_all_ended_waits_for_nothing(driver: Driver, task_type: str, worker: str) -> None:
    driver.held(task_type, worker).complete()

    wait_for(driver, task_type, counts={"pending": 0, "in_progress": 0}, oldestPendingSeconds=None)


def test_the_sums_are_those_of_all_types(driver: Driver, task_type: str) -> None:
    driver.new(task_type)
    eventually(lambda: of_type(driver, task_type), bool)

    found = stats(driver)

    for group, names in (("counts", found["counts"]), ("lastHour", found["lastHour"])):
        for name in names:
            assert found[group][name] >= sum(each[group][name] for each in found["types"])


def test_a_task_may_not_be_called_stats(driver: Driver, task_type: str) -> None:
    assert driver.register(task_type, taskId="stats").status_code == 400
