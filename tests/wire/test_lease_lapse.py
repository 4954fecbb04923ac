"""Leases that lapse by themselves, and those that are kept.

All stories of this module begin together and share one wait.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from .driver import Driver, Held, Json, unique
from .shapes import assert_error, numbers
from .waiting import eventually

SHORTEST = 5
AFTER = SHORTEST + 2.0
"""By then a lease of the shortest length is over, and that was noticed."""


@dataclass
class Stories:
    """One task for each story, some time after their leases were over."""

    lapsed: Held
    first: Held
    behind: str
    last_attempt: Held
    cancelled: Held
    retried: Held
    shortened: Held
    lengthened: Held
    leaseless: Held
    beating: Held
    reporting: Held
    reports: int
    watched: list[Json]


class Repeating:
    """Calls something again and again in the background, until it is closed."""

    def __init__(self, call: Callable[[], Any], pause: float) -> None:
        self.count = 0
        self._call = call
        self._pause = pause
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        while not self._over.is_set():
            assert self._call().status_code == 200
            self.count += 1
            self._over.wait(self._pause)

    def close(self) -> None:
        self._over.set()
        self._thread.join()


@pytest.fixture(scope="module")
def stories(driver: Driver) -> Stories:
    task_type, worker = unique("type"), unique("worker")

    def leased(lease_seconds: int | None = SHORTEST, **fields: Any) -> Held:
        task_id = driver.new(unique("type"), **fields)
        return driver.started(task_id, worker, leaseSeconds=lease_seconds)

    lapsed = leased()
    lapsed.append(2)
    first = driver.started(driver.new(task_type), worker, leaseSeconds=SHORTEST)
    first.append(1)
    behind = driver.new(task_type)
    last_attempt = leased(maxAttempts=1)
    last_attempt.append(1)
    cancelled = leased()
    driver.cancel(cancelled.task_id, reason="not wanted")
    retried = leased(maxAttempts=1, maxRetries=3)
    shortened = leased(600)
    shortened.heartbeat(leaseSeconds=SHORTEST)
    lengthened = leased()
    lengthened.heartbeat(leaseSeconds=600)
    leaseless, beating, reporting = leased(None), leased(), leased()
    with lapsed.track("?lifecycle=true&ignoreHistory=true") as stream:
        beats = Repeating(beating.heartbeat, 1.5)
        reports = Repeating(lambda: reporting.progress({}), 0.3)
        try:
            time.sleep(AFTER)
            eventually(lapsed.task, lambda task: task["status"] == "pending", 5)
            watched = [stream.take(1)[0].envelope for _ in range(2)]
        finally:
            beats.close()
            reports.close()
    return Stories(
        lapsed, first, behind, last_attempt, cancelled, retried, shortened, lengthened, leaseless, beating,
        reporting, reports.count, watched,
    )  # fmt: skip


def test_a_lapsed_lease_returns_the_task_with_its_progress_and_its_attempt_spent(stories: Stories) -> None:
    task = stories.lapsed.task()

    assert (task["status"], task["workerId"], task["startedAt"]) == ("pending", None, None)
    assert (task["attempt"], task["leaseExpiresAt"]) == (1, None)
    assert numbers(task["progressHistory"]) == [1, 2]


@pytest.mark.parametrize("verb", ["progress", "heartbeat", "complete", "fail", "release"])
def test_the_worker_that_lost_its_lease_is_told_by_its_next_call(stories: Stories, verb: str) -> None:
    held = stories.lapsed
    body = {**held.identity, "progress": {}} if verb == "progress" else held.identity

    details = assert_error(held.driver.post(held.task_id, verb, body), 409, "stale_attempt")

    assert details["attempt"] == 1
    assert held.task()["status"] == "pending"


def test_whoever_looks_on_sees_the_lapse(stories: Stories) -> None:
    data = stories.watched[-1]["data"]

    assert (data["status"], data["reason"], data["final"]) == ("pending", "lapsed", False)
    assert (data["workerId"], data["attempt"]) == (None, 1)


def test_a_lease_lost_on_the_last_attempt_fails_the_task(stories: Stories) -> None:
    task = eventually(stories.last_attempt.task, lambda task: task["completedAt"] is not None, 5)

    assert task["status"] == "failed"
    assert task["error"]["code"] == "lease_lost"
    assert task["error"]["message"]
    assert numbers(task["progressHistory"]) == [1]
    assert task["newTaskId"] is None
    with stories.last_attempt.track() as stream:
        assert [frame.envelope["event"] for frame in stream.rest()] == ["progress", "status_change"]


def test_a_cancelled_task_whose_lease_lapses_ends(stories: Stories) -> None:
    task = eventually(stories.cancelled.task, lambda task: task["completedAt"] is not None, 5)

    assert (task["status"], task["error"]) == ("failed", {"code": "cancelled", "message": "not wanted"})


def test_a_heartbeat_can_shorten_a_lease(stories: Stories) -> None:
    eventually(stories.shortened.task, lambda task: task["status"] == "pending", 5)


def test_a_heartbeat_can_lengthen_a_lease(stories: Stories) -> None:
    assert stories.lengthened.task()["status"] == "in_progress"


@pytest.mark.parametrize("ended", ["last_attempt", "cancelled"])
@pytest.mark.parametrize("verb", ["complete", "fail", "release", "heartbeat"])
@pytest.mark.parametrize("named", [("workerId", "attempt"), ("attempt",), ("workerId",), ()])
def test_nothing_is_a_repeat_after_a_lapse_that_ended_the_task(
    stories: Stories, ended: str, verb: str, named: tuple[str, ...]
) -> None:
    held: Held = getattr(stories, ended)
    task = eventually(held.task, lambda task: task["completedAt"] is not None, 5)
    body = {name: held.identity[name] for name in named}

    for fields in ({}, {"error": "late", "result": "late", "progress": {"late": True}}):
        answer = held.driver.post(held.task_id, verb, {**body, **fields})
        assert assert_error(answer, 409, "wrong_status")["status"] == "failed"
        (outcome,) = held.driver.outcomes(verb, [{"taskId": held.task_id, **body, **fields}])
        assert (outcome["statusCode"], outcome["code"]) == (409, "wrong_status")
    assert held.task() == task


@pytest.mark.parametrize("verb", ["complete", "fail"])
def test_neither_is_it_once_the_failed_task_was_retried(stories: Stories, verb: str) -> None:
    held = stories.retried
    eventually(held.task, lambda task: task["completedAt"] is not None, 5)
    again = held.driver.retry(held.task_id).json()["newTaskId"]

    answer = held.driver.post(held.task_id, verb, held.identity)

    assert assert_error(answer, 409, "wrong_status")["status"] == "failed"
    held.driver.timeout(again)


def test_without_a_lease_nothing_lapses(stories: Stories) -> None:
    assert stories.leaseless.task()["status"] == "in_progress"


def test_heartbeats_keep_a_lease(stories: Stories) -> None:
    assert stories.beating.task()["status"] == "in_progress"


def test_progress_keeps_a_lease(stories: Stories) -> None:
    task = stories.reporting.task()

    assert (task["status"], task["attempt"]) == ("in_progress", 1)
    assert numbers(task["progressHistory"]) == list(range(1, stories.reports + 1))


def test_a_lapsed_task_keeps_its_place_and_goes_on(stories: Stories) -> None:
    first, task_type = stories.first, stories.first.task()["taskType"]

    taken = [first.driver.taken(task_type, worker=unique()) for _ in range(2)]

    assert [each.task_id for each in taken] == [first.task_id, stories.behind]
    assert taken[0].attempt == 2
    assert taken[0].progress({}).json()["seqId"] == 2
    assert_error(first.progress({}), 409, "stale_attempt")
