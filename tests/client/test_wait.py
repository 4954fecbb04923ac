"""Waiting for the end: of the task, or of the retry that follows it."""

import threading
import time
from collections.abc import Callable

import pytest

import tasktracker_client as sdk
from tasktracker_client import Task, TaskTracker

from .conftest import Connect, Through
from .proxy import Answered, Swallowed, always, first


class Later:
    """Work in another thread, joined with the test; what it raises fails the test."""

    def __init__(self, work: Callable[[], object], seconds: float = 0.3) -> None:
        self._work = work
        self._error: BaseException | None = None
        self._thread = threading.Timer(seconds, self._do)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *error: object) -> None:
        self._thread.join()
        if self._error is not None:
            raise self._error

    def _do(self) -> None:
        try:
            self._work()
        except BaseException as error:
            self._error = error


@pytest.fixture
def other(url: str) -> TaskTracker:
    """A client for another thread."""
    return TaskTracker(url)


def test_the_result_comes_as_soon_as_it_is_there(client: TaskTracker, held: Task, other: TaskTracker) -> None:
    began = time.monotonic()
    with other, Later(lambda: other.complete(held, {"n": 1})):
        task = client.wait(held, timeout=20)

    assert (task.id, task.status, task.result) == (held.id, "completed", {"n": 1})
    assert time.monotonic() - began < 10
    assert client.wait(held).result == {"n": 1}
    assert client.wait(held, timeout=0).result == {"n": 1}


def test_a_failure_that_is_retried_is_not_the_end(
    client: TaskTracker, task_type: str, other: TaskTracker
) -> None:
    client.register(task_type, {"n": 1}, max_retries=2)
    first = client.claim(task_type, worker_id="w")
    assert first is not None

    def fail_and_succeed() -> None:
        second = other.fail(first, "broken").new_task_id
        assert second is not None
        third = other.fail(other.start(second)).new_task_id
        assert third is not None
        other.complete(other.start(third), "at last")

    with other, Later(fail_and_succeed):
        task = client.wait(first, timeout=30)

    assert (task.result, task.retry_count, task.original_task_id) == ("at last", 2, first.id)


def test_the_last_failure_is_raised_with_its_task(client: TaskTracker, task_type: str) -> None:
    registered = client.register(task_type, max_retries=1)
    failed = client.fail(client.start(registered), "first")
    assert failed.new_task_id is not None
    with pytest.raises(sdk.WaitTimeout):
        client.wait(registered, timeout=0)
    client.fail(client.start(failed.new_task_id), {"message": "second", "code": 7})
    with pytest.raises(sdk.TaskFailed, match="second") as ended:
        client.wait(registered, timeout=10)

    assert type(ended.value) is sdk.TaskFailed
    assert (ended.value.task.id, ended.value.task.error) == (
        failed.new_task_id,
        {"message": "second", "code": 7},
    )


def test_a_failure_for_good_is_the_end(client: TaskTracker, task_type: str) -> None:
    registered = client.register(task_type, max_retries=5)
    client.fail(client.start(registered), "no use", retry=False)
    with pytest.raises(sdk.TaskFailed, match="no use"):
        client.wait(registered)


def test_other_ends_have_classes_of_their_own(client: TaskTracker, held: Task, task_type: str) -> None:
    cancelled = client.register(task_type)
    client.cancel(cancelled, reason="not wanted")
    client.time_out(held)
    with pytest.raises(sdk.TaskCancelled, match="not wanted"):
        client.wait(cancelled)
    with pytest.raises(sdk.TaskTimedOut) as late:
        client.wait(held)

    assert isinstance(late.value, sdk.TaskFailed)
    assert not isinstance(late.value, TimeoutError)


def test_a_retry_by_hand_stands_for_its_new_task(client: TaskTracker, held: Task) -> None:
    client.fail(held)
    retried = client.retry(held)
    client.complete(client.start(retried), 2)

    assert client.wait(retried).result == 2


def test_the_time_given_is_kept(client: TaskTracker, held: Task) -> None:
    began = time.monotonic()
    with pytest.raises(sdk.WaitTimeout, match=held.id) as over:
        client.wait(held, timeout=1)

    assert 1.0 <= time.monotonic() - began < 4.0
    assert isinstance(over.value, TimeoutError)


def test_the_time_given_is_kept_by_a_service_that_says_nothing(
    connect: Connect, through: Through, held: Task
) -> None:
    client = connect(through(always(Swallowed())).url)
    began = time.monotonic()
    with pytest.raises(sdk.WaitTimeout):
        client.wait(held, timeout=1)

    assert time.monotonic() - began < 8.0


def test_a_page_of_a_proxy_in_between_is_passed_over(
    connect: Connect, through: Through, client: TaskTracker, held: Task
) -> None:
    page = Answered("200 OK", b"<html>be back soon</html>", "Content-Type: text/html\r\n")
    patient = connect(through(first(2, page)).url)
    client.complete(held, 1)

    assert patient.wait(held, timeout=20).result == 1


def test_nobody_is_waited_for_who_was_never_there(client: TaskTracker) -> None:
    with pytest.raises(sdk.TaskNotFound):
        client.wait("nobody-1", timeout=5)
