"""Times: out in one form only, in with an offset."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone

import pytest

from .driver import TASKS, Driver, Held, unique
from .rawhttp import Connection
from .shapes import assert_error, instant

HOUR = timedelta(hours=1)


def tomorrow() -> datetime:
    """A moment that is ahead on any clock, in whole seconds."""
    return (datetime.now(UTC) + timedelta(days=1)).replace(microsecond=0)


def test_every_time_of_a_finished_task_is_utc_with_milliseconds(held: Held) -> None:
    held.append(1)
    held.complete()

    task = held.task()

    for name in ["createdAt", "updatedAt", "startedAt", "completedAt", "timeoutAt"]:
        instant(task[name])
    instant(task["lastProgress"]["timestamp"])


def test_every_time_in_the_answers_to_writes_is_utc_with_milliseconds(
    driver: Driver, task_type: str, worker: str
) -> None:
    registered = driver.register(task_type).json()
    task_id = registered["taskId"]

    instant(registered["createdAt"])
    instant(registered["timeoutAt"])
    instant(driver.start(task_id, workerId=worker, leaseSeconds=600).json()["leaseExpiresAt"])
    instant(driver.progress(task_id, {"n": 1}).json()["timestamp"])
    instant(driver.complete(task_id).json()["updatedAt"])


@pytest.mark.parametrize(
    "offset", [0, 120, -300, 330, -210], ids=["+00:00", "+02:00", "-05:00", "+05:30", "-03:30"]
)
def test_a_time_with_any_offset_is_read(driver: Driver, task_type: str, offset: int) -> None:
    run_at = tomorrow()
    given = run_at.astimezone(timezone(timedelta(minutes=offset))).isoformat()

    task = driver.task(driver.new(task_type, runAt=given))

    assert instant(task["runAt"]) == run_at


@pytest.mark.parametrize("fraction", ["Z", ".5Z", ".250Z", ".123000Z"])
def test_a_time_may_have_a_fraction(driver: Driver, task_type: str, fraction: str) -> None:
    given = f"{tomorrow():%Y-%m-%dT%H:%M:%S}{fraction}"

    task = driver.task(driver.new(task_type, runAt=given))

    assert instant(task["runAt"]) == datetime.fromisoformat(given)


def test_a_naive_time_is_refused(driver: Driver, task_type: str) -> None:
    answer = driver.register(task_type, runAt=f"{tomorrow():%Y-%m-%dT%H:%M:%S}")

    assert_error(answer, 400, "invalid_request")
    assert "$.runAt" in answer.json()["message"]


@pytest.mark.parametrize(
    "given", ["", "tomorrow", "2026-13-01T00:00:00Z", "2026-01-01T25:00:00Z", "2026-01-01Z", "1"]
)
def test_what_is_no_time_is_refused(driver: Driver, task_type: str, given: str) -> None:
    answer = driver.register(task_type, runAt=given)

    assert_error(answer, 400, "invalid_request")
    assert "$.runAt" in answer.json()["message"]


@pytest.fixture
def listing(driver: Driver) -> str:
    """The path of the task list: the one call with a time in its query."""
    if driver.read.get(f"{TASKS}?limit=1").status_code != 200:
        pytest.skip("the task list is not served")
    return TASKS


def test_an_unescaped_plus_in_a_query_is_refused_and_said_so(
    listing: str, raw: Callable[[], Connection]
) -> None:
    answer = raw().exchange("GET", f"{listing}?createdAfter=2026-01-01T00:00:00+02:00&limit=1")

    assert_error(answer, 400, "invalid_request")
    assert "createdAfter" in answer.json()["message"]
    assert "%2B" in answer.json()["message"]


def test_an_escaped_plus_in_a_query_is_read(listing: str, raw: Callable[[], Connection]) -> None:
    answer = raw().exchange("GET", f"{listing}?createdAfter=2026-01-01T00:00:00%2B02:00&limit=1")

    assert answer.status_code == 200


def test_a_naive_time_in_a_query_is_refused(listing: str, raw: Callable[[], Connection]) -> None:
    answer = raw().exchange("GET", f"{listing}?createdAfter=2026-01-01T00:00:00&limit=1")

    assert_error(answer, 400, "invalid_request")
    assert "createdAfter" in answer.json()["message"]


@pytest.mark.parametrize("run_at", ["0286-09-19T19:56:19-21:29", "0001-01-01T00:00:00+23:59"])
def test_a_time_long_gone_in_any_zone_means_now(driver: Driver, task_type: str, run_at: str) -> None:
    task_id = driver.new(task_type, runAt=run_at)

    assert driver.taken(task_type, worker=unique()).task_id == task_id
