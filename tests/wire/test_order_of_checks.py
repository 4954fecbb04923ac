"""The checks of a worker's write come in one order, so that each code has one meaning."""

from __future__ import annotations

import pytest

from .driver import Driver, Held, unique
from .shapes import assert_error, assert_json, assert_wrong_status

WORKER_VERBS = ["complete", "fail", "release", "progress"]
every_verb = pytest.mark.parametrize("verb", WORKER_VERBS)


@pytest.fixture
def reclaimed(held: Held, task_type: str) -> Held:
    """A task in its second attempt, after `held` has released it."""
    held.release()
    return held.driver.taken(task_type, worker=unique("second"))


@every_verb
def test_an_unknown_task_comes_before_everything(driver: Driver, verb: str) -> None:
    answer = driver.post(unique("unknown"), verb, {"progress": {}, "workerId": "w", "attempt": 7})

    assert_error(answer, 404, "task_not_found")


@pytest.mark.parametrize("verb", ["complete", "fail", "progress"])
@pytest.mark.parametrize("with_worker", [True, False], ids=["with worker", "without worker"])
def test_an_older_attempt_is_stale(held: Held, reclaimed: Held, verb: str, with_worker: bool) -> None:
    before = reclaimed.task()
    identity = held.identity if with_worker else {"attempt": held.attempt}

    answer = held.driver.post(held.task_id, verb, {"progress": {"n": 1}, **identity})

    assert_error(answer, 409, "stale_attempt")
    assert reclaimed.task() == before


@every_verb
def test_an_attempt_that_has_not_been_is_stale(held: Held, verb: str) -> None:
    answer = held.driver.post(held.task_id, verb, {"progress": {}, **held.identity, "attempt": 2})

    assert_error(answer, 409, "stale_attempt")
    assert held.task()["status"] == "in_progress"


@pytest.mark.parametrize("verb", ["complete", "fail", "progress"])
def test_an_attempt_at_a_task_back_in_pending_is_stale(held: Held, verb: str) -> None:
    held.release()

    answer = held.driver.post(held.task_id, verb, {"progress": {}, **held.identity})

    assert_error(answer, 409, "stale_attempt")
    assert held.task()["status"] == "pending"


@every_verb
def test_a_stale_attempt_comes_before_the_wrong_worker(held: Held, reclaimed: Held, verb: str) -> None:
    answer = held.driver.post(
        held.task_id, verb, {"progress": {}, "workerId": "somebody else", "attempt": held.attempt}
    )

    assert_error(answer, 409, "stale_attempt")
    assert reclaimed.task()["status"] == "in_progress"


@pytest.mark.parametrize("verb", ["complete", "fail", "progress"])
def test_a_stale_attempt_comes_before_the_wrong_status(held: Held, reclaimed: Held, verb: str) -> None:
    reclaimed.complete()

    answer = held.driver.post(held.task_id, verb, {"progress": {}, **held.identity})

    assert_error(answer, 409, "stale_attempt")


@every_verb
def test_the_wrong_status_comes_before_the_wrong_worker(held: Held, verb: str) -> None:
    held.driver.timeout(held.task_id)

    answer = held.driver.post(held.task_id, verb, {"progress": {}, "workerId": "somebody else"})

    assert_wrong_status(answer, "timeout")


@every_verb
def test_the_latest_attempt_at_a_finished_task_is_the_wrong_status(held: Held, verb: str) -> None:
    held.driver.timeout(held.task_id)

    answer = held.driver.post(held.task_id, verb, {"progress": {}, **held.identity})

    assert_wrong_status(answer, "timeout")


@every_verb
def test_the_wrong_worker_comes_last(held: Held, verb: str) -> None:
    answer = held.driver.post(
        held.task_id, verb, {"progress": {}, "workerId": "somebody else", "attempt": held.attempt}
    )

    assert_error(answer, 403, "not_task_worker")
    assert held.task()["progressHistory"] == []
    assert held.task()["status"] == "in_progress"


@every_verb
def test_the_holder_of_the_latest_attempt_passes_all_checks(reclaimed: Held, verb: str) -> None:
    assert reclaimed.attempt == 2

    assert_json(reclaimed.driver.post(reclaimed.task_id, verb, {"progress": {}, **reclaimed.identity}), 200)


@pytest.mark.parametrize(("verb", "other"), [("complete", "fail"), ("fail", "complete")])
def test_another_ending_by_the_same_worker_is_no_repeat(held: Held, verb: str, other: str) -> None:
    held.driver.post(held.task_id, verb, held.identity)

    answer = held.driver.post(held.task_id, other, held.identity)

    assert_wrong_status(answer, {"complete": "completed", "fail": "failed"}[verb])
