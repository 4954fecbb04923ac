"""Each refusal has one meaning: the attempt is judged first, then the status, then the worker."""

from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasktracker_schema.errors import ErrorCode
from tasktracker_schema.status import TERMINAL, is_terminal
from tasktracker_server.core.errors import TrackerError
from tasktracker_server.core.verdicts import is_own, refusal, start_refusal, wrong_status

STATUSES = ["pending", "in_progress", *sorted(TERMINAL)]
statuses = st.sampled_from(STATUSES)
attempts = st.integers(1, 3)
workers = st.sampled_from(["w1", "w2"])


class By(NamedTuple):
    attempt: int | None = None
    worker_id: str | None = None


class Task(NamedTuple):
    status: str
    attempt: int
    worker_id: str | None


def refused(status: str, latest: int = 2, holder: str | None = "w1", **given: Any) -> TrackerError:
    return refusal("complete", Task(status, latest, holder), By(**given))


@pytest.mark.parametrize(
    ("attempt", "worker_id", "holder", "own"),
    [
        (2, "w1", "w1", True),
        (2, None, "w1", True),
        (2, "w1", None, True),
        (2, "w2", "w1", False),
        (1, "w1", "w1", False),
        (None, "w1", "w1", False),
    ],
)
def test_an_outcome_is_ones_own_by_its_attempt_unless_another_worker_is_named(
    attempt: int | None, worker_id: str | None, holder: str | None, own: bool
) -> None:
    assert is_own(By(attempt, worker_id), latest=2, holder=holder) is own


@given(statuses, attempts, attempts, workers)
def test_an_older_attempt_is_stale_whatever_the_status_and_whoever_asks(
    status: str, attempt: int, latest: int, worker_id: str
) -> None:
    error = refused(status, latest, attempt=attempt, worker_id=worker_id)

    is_stale = attempt != latest or status == "pending"
    assert (error.code is ErrorCode.STALE_ATTEMPT) == is_stale
    if is_stale:
        assert error.details == {"status": status, "attempt": latest}


def test_the_latest_attempt_is_over_once_the_task_is_back_in_the_queue() -> None:
    error = refused("pending", attempt=2)

    assert error.code is ErrorCode.STALE_ATTEMPT
    assert "went back to the queue" in error.message


@pytest.mark.parametrize("status", [status for status in STATUSES if status != "in_progress"])
def test_the_status_is_judged_before_the_worker(status: str) -> None:
    error = refused(status, worker_id="w2")

    assert error.code is ErrorCode.WRONG_STATUS
    assert error.details == {"status": status}


def test_another_worker_is_refused_while_the_task_runs() -> None:
    assert refused("in_progress", attempt=2, worker_id="w2").code is ErrorCode.NOT_TASK_WORKER


@given(statuses, st.none() | attempts, st.none() | workers, st.none() | workers)
def test_every_refusal_says_what_the_caller_may_do(
    status: str, attempt: int | None, worker_id: str | None, holder: str | None
) -> None:
    error = refused(status, holder=holder, attempt=attempt, worker_id=worker_id)

    assert error.code in (ErrorCode.STALE_ATTEMPT, ErrorCode.WRONG_STATUS, ErrorCode.NOT_TASK_WORKER)
    assert error.message.endswith(".")
    assert "None" not in error.message


@pytest.mark.parametrize("verb", ["complete", "fail", "release", "heartbeat", "cancel", "time out", "retry"])
@pytest.mark.parametrize("status", STATUSES)
def test_a_wrong_status_names_the_verb_and_the_status(verb: str, status: str) -> None:
    error = wrong_status(verb, status)

    assert error.message.startswith(f"Cannot {verb} a task that is {status}: ")
    assert error.details == {"status": status}
    assert ("retry makes a new task" in error.message) == (is_terminal(status) and verb != "retry")


def test_a_refused_start_tells_who_holds_the_task() -> None:
    error = start_refusal("in_progress", "w1", 3)

    assert error.code is ErrorCode.WRONG_STATUS
    assert error.details == {"status": "in_progress", "workerId": "w1", "attempt": 3}
