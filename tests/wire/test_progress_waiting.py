"""`GET /:taskId/progress?waitSeconds=`: answered as soon as there is something, by whichever instance."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from .driver import TASKS, Driver, Held, Json
from .rawhttp import Connection
from .shapes import assert_error, every_ending, numbers

SETTLED = 0.3
"""Seconds after which a call is taken to be waiting."""


class Waiter:
    """A call that waits in a thread of its own."""

    def __init__(self, pool: ThreadPoolExecutor, held: Held, query: str) -> None:
        self.began = time.monotonic()
        self._future: Future[Json] = pool.submit(held.page, query)

    def still_waits(self) -> bool:
        time.sleep(SETTLED)
        return not self._future.done()

    def page(self) -> Json:
        return self._future.result(20)

    def seconds(self) -> float:
        self.page()
        return time.monotonic() - self.began


@pytest.fixture
def wait(held: Held):  # type: ignore[no-untyped-def]
    with ThreadPoolExecutor(8) as pool:
        yield lambda query, of=held: Waiter(pool, of, query)


Wait = Callable[..., Waiter]


def test_what_is_there_is_answered_at_once(held: Held, wait: Wait) -> None:
    held.append(2)

    waiter = wait("?waitSeconds=30")

    assert numbers(waiter.page()["entries"]) == [1, 2]
    assert waiter.seconds() < 5


def test_the_next_entry_ends_the_wait(held: Held, wait: Wait) -> None:
    held.append(2)
    waiter = wait("?afterSeqId=2&waitSeconds=30")
    assert waiter.still_waits()

    held.append(1)

    assert numbers(waiter.page()["entries"]) == [3]
    assert waiter.seconds() < 5


def test_a_cursor_past_the_end_waits_for_the_entry_after_it(held: Held, wait: Wait) -> None:
    waiter = wait("?afterSeqId=3&waitSeconds=30")
    held.append(3)
    assert waiter.still_waits()

    held.append(1)

    assert numbers(waiter.page()["entries"]) == [4]


def test_a_task_that_waits_to_be_claimed_can_be_waited_on(driver: Driver, task_type: str, wait: Wait) -> None:
    pending = Held(driver, driver.new(task_type), "w", 1)
    waiter = wait("?waitSeconds=30", of=pending)
    assert waiter.still_waits()

    driver.taken(task_type, worker="w").append(1)

    assert numbers(waiter.page()["entries"]) == [1]


@every_ending
def test_the_end_of_the_task_ends_the_wait(held: Held, wait: Wait, verb: str, status: str) -> None:
    held.append(1)
    waiter = wait("?afterSeqId=1&waitSeconds=30")
    assert waiter.still_waits()

    held.driver.post(held.task_id, verb)

    page = waiter.page()
    assert (page["entries"], page["status"], page["final"]) == ([], status, True)
    assert waiter.seconds() < 5


def test_a_finished_task_is_never_waited_on(held: Held, wait: Wait) -> None:
    held.append(1)
    held.complete(result=1)

    waiter = wait("?afterSeqId=99&waitSeconds=30")

    assert (waiter.page()["final"], waiter.page()["result"]) == (True, 1)
    assert waiter.seconds() < 5


def test_a_wait_that_ends_with_nothing_is_an_empty_page(held: Held, wait: Wait) -> None:
    waiter = wait("?waitSeconds=1")

    assert (waiter.page()["entries"], waiter.page()["final"]) == ([], False)
    assert 0.9 < waiter.seconds() < 5


def test_changes_that_are_no_entries_do_not_end_the_wait(held: Held, task_type: str, wait: Wait) -> None:
    waiter = wait("?waitSeconds=30")
    held.release()
    second = held.driver.taken(task_type, worker="second")
    assert waiter.still_waits()

    second.append(1)

    assert numbers(waiter.page()["entries"]) == [1]


def test_all_who_wait_are_answered(held: Held, wait: Wait) -> None:
    waiters = [wait(f"?waitSeconds=30&limit={1 + n % 2}") for n in range(8)]
    assert all(waiter.still_waits() for waiter in waiters[-1:])

    held.progress([{"n": 1}, {"n": 2}])

    assert [len(waiter.page()["entries"]) for waiter in waiters] == [1, 2] * 4


def test_an_unknown_task_is_told_at_once(driver: Driver) -> None:
    began = time.monotonic()

    assert_error(driver.read.get(f"{TASKS}/no-such-task/progress?waitSeconds=30"), 404, "task_not_found")
    assert time.monotonic() - began < 5


def test_a_chain_of_pages_tells_every_entry_once_while_they_are_written(held: Held) -> None:
    """What streams promise, by long-polling: history, what races it, and the end."""

    def write() -> None:
        for n in range(60):
            held.progress([{"n": n}] * (1 + n % 3))
        held.complete(result="done")

    writing = threading.Thread(target=write)
    writing.start()
    seen: list[int] = []
    page: Json = {"final": False}
    while not page["final"]:
        page = held.page(f"?afterSeqId={seen[-1] if seen else 0}&limit=7&waitSeconds=10")
        assert "gaps" not in page
        seen += numbers(page["entries"])
    writing.join()

    assert seen == list(range(1, 121))
    assert page["result"] == "done"


def test_a_caller_who_hangs_up_spoils_nothing(held: Held, wait: Wait, wire_urls: list[str]) -> None:
    waiter = wait("?waitSeconds=30")
    for _ in range(5):
        with Connection(wire_urls[-1]) as connection:
            connection.request("GET", f"{TASKS}/{held.task_id}/progress?waitSeconds=30")
            time.sleep(0.05)
    assert waiter.still_waits()

    held.append(1)

    assert numbers(waiter.page()["entries"]) == [1]
