"""Pages of the task list, and the cursors between them."""

from __future__ import annotations

from typing import Any

import pytest

from .driver import Driver, unique
from .listing import ids, listed, page, rows, walk
from .shapes import assert_error

CURSOR_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


def several(driver: Driver, task_type: str, count: int) -> list[str]:
    """New tasks, newest first."""
    body = {"tasks": [{"taskType": task_type, "taskId": unique("t")} for _ in range(count)]}
    answer = driver.write.post("/api/v1/tasks/bulk/register", json=body)
    assert answer.status_code == 200, answer.text
    return [each["taskId"] for each in answer.json()["results"]][::-1]


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 8])
def test_pages_hold_every_task_once_and_in_order(driver: Driver, task_type: str, limit: int) -> None:
    made = several(driver, task_type, 7)

    pages = walk(driver, taskType=task_type, limit=limit)

    assert [task_id for found in pages for task_id in ids(found)] == made
    assert all(len(found) == limit for found in pages[:-1])
    assert pages[-1] or not made


def test_a_page_holds_fifty_tasks_unless_told_otherwise(driver: Driver, task_type: str) -> None:
    several(driver, task_type, 51)

    assert [len(found) for found in walk(driver, taskType=task_type)] == [50, 1]
    assert len(page(driver, taskType=task_type, limit=500)["tasks"]) == 51


def test_a_full_last_page_ends_the_list(driver: Driver, task_type: str) -> None:
    several(driver, task_type, 4)

    assert page(driver, taskType=task_type, limit=4)["nextCursor"] is None


def test_tasks_registered_meanwhile_do_not_disturb_the_pages(driver: Driver, task_type: str) -> None:
    made = several(driver, task_type, 6)
    first = page(driver, taskType=task_type, limit=3)
    several(driver, task_type, 3)

    rest = page(driver, taskType=task_type, limit=3, cursor=first["nextCursor"])

    assert ids(first["tasks"]) + ids(rest["tasks"]) == made
    assert rest["nextCursor"] is None


def test_tasks_that_change_meanwhile_keep_their_place(driver: Driver, task_type: str, worker: str) -> None:
    made = several(driver, task_type, 6)
    first = page(driver, taskType=task_type, limit=2)
    for task_id in made:
        driver.start(task_id, workerId=worker)
    driver.complete(made[3])

    rest = rows(driver, taskType=task_type, limit=2, cursor=first["nextCursor"])

    assert ids(first["tasks"]) + ids(rest) == made


def test_a_cursor_goes_with_another_limit_and_other_fields(driver: Driver, task_type: str) -> None:
    made = several(driver, task_type, 5)
    cursor = page(driver, taskType=task_type, limit=2)["nextCursor"]

    rest = page(driver, taskType=task_type, limit=500, fields="full", cursor=cursor)

    assert ids(rest["tasks"]) == made[2:]
    assert "params" in rest["tasks"][0]


def test_a_cursor_knows_a_filter_however_it_is_written(driver: Driver, task_type: str) -> None:
    made = several(driver, task_type, 3)
    written = {"taskType": task_type, "status": ["pending", "failed"], "createdAfter": "2026-01-01T00:00:00Z"}
    cursor = page(driver, **written, limit=1)["nextCursor"]
    same = {"status": ["failed", "pending", "failed"], "createdAfter": "2026-01-01T02:00:00.000+02:00"}

    assert ids(page(driver, **written | same, cursor=cursor)["tasks"]) == made[1:]


@pytest.mark.parametrize(
    "other",
    [
        {"taskType": "another"},
        {"status": "pending"},
        {"workerId": "w"},
        {"originalTaskId": "x"},
        {"createdAfter": "2026-01-01T00:00:00Z"},
        {"createdBefore": "2126-01-01T00:00:00Z"},
    ],
    ids=lambda other: next(iter(other)),
)
def test_a_cursor_with_other_filters_is_refused(
    driver: Driver, task_type: str, other: dict[str, Any]
) -> None:
    several(driver, task_type, 2)
    cursor = page(driver, taskType=task_type, limit=1)["nextCursor"]

    answer = listed(driver, **{"taskType": task_type, "cursor": cursor} | other)

    assert_error(answer, 400, "invalid_cursor")


def test_a_changed_cursor_is_refused_wherever_it_was_changed(driver: Driver, task_type: str) -> None:
    several(driver, task_type, 2)
    cursor = page(driver, taskType=task_type, limit=1)["nextCursor"]

    for at, letter in enumerate(cursor):
        other = CURSOR_ALPHABET[(CURSOR_ALPHABET.index(letter) + 1) % 64]
        changed = cursor[:at] + other + cursor[at + 1 :]
        assert_error(listed(driver, taskType=task_type, cursor=changed), 400, "invalid_cursor")


@pytest.mark.parametrize("cursor", ["", "x", "1", "A" * 32, "ü" * 32, "=" * 32, "A" * 1_000, " "])
def test_what_is_no_cursor_is_refused(driver: Driver, cursor: str) -> None:
    assert_error(listed(driver, cursor=cursor), 400, "invalid_cursor")


def test_an_endless_cursor_is_refused_by_name(driver: Driver) -> None:
    assert_error(listed(driver, cursor="A" * 1_001), 400, "invalid_request")


def test_full_pages_are_bounded_in_bytes_and_go_on(driver: Driver, task_type: str) -> None:
    large = {"text": "x" * 900_000}
    made = [driver.new(task_type, params=large) for _ in range(10)][::-1]

    pages = walk(driver, taskType=task_type, fields="full")

    assert [task_id for found in pages for task_id in ids(found)] == made
    assert all(1 <= len(found) <= 4 for found in pages)
    assert all(row["params"] == large for found in pages for row in found)
    assert len(page(driver, taskType=task_type)["tasks"]) == 10, "other rows have no such bound"
