"""`GET /:taskId/progress`: a task's history in pages, as it is now."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from .driver import TASKS, Driver, Held, Json
from .rawhttp import Connection
from .shapes import assert_error, assert_json, every_ending, instant, numbers


def pages(held: Held, query: str = "") -> list[Json]:
    """All pages of a finished task, each from where the one before ended."""
    found: list[Json] = []
    after = 0
    while not found or not found[-1]["final"]:
        assert len(found) < 100, "the pages never end"
        found.append(held.page(f"?afterSeqId={after}{query}"))
        after = max([after, *numbers(found[-1]["entries"])])
    return found


def test_a_page_has_the_fields_it_promises(held: Held) -> None:
    held.progress([{"percent": 1}, {"percent": 2}])

    answer = assert_json(held.driver.read.get(f"{TASKS}/{held.task_id}/progress"), 200)

    assert set(answer) == {"taskId", "entries", "lastSeqId", "status", "final"}
    assert answer["taskId"] == held.task_id
    assert [entry["data"] for entry in answer["entries"]] == [
        {"seqId": 1, "percent": 1},
        {"seqId": 2, "percent": 2},
    ]
    assert all(set(entry) == {"seqId", "timestamp", "data"} for entry in answer["entries"])
    assert (answer["lastSeqId"], answer["status"], answer["final"]) == (2, "in_progress", False)


def test_a_task_without_entries_has_an_empty_page(driver: Driver, task_type: str) -> None:
    task_id = driver.new(task_type)

    page = driver.page(task_id)

    assert page == {"taskId": task_id, "entries": [], "lastSeqId": 0, "status": "pending", "final": False}


def test_entries_are_dated_when_they_were_accepted(held: Held) -> None:
    answer = held.progress({"n": 1})
    live = held.page()["entries"]
    held.complete()

    assert live[0]["timestamp"] == answer.json()["timestamp"]
    assert held.page()["entries"] == live
    instant(live[0]["timestamp"])


both = pytest.mark.parametrize("finished", [False, True], ids=["active", "finished"])


@both
@pytest.mark.parametrize("after", [0, 1, 4, 5, 9])
def test_only_entries_after_the_cursor_are_shown(held: Held, finished: bool, after: int) -> None:
    held.append(5)
    if finished:
        held.complete()

    page = held.page(f"?afterSeqId={after}")

    assert numbers(page["entries"]) == list(range(after + 1, 6))
    assert page["lastSeqId"] == 5
    assert page["final"] is finished


@both
def test_a_limit_makes_pages_that_join_without_a_hole(held: Held, finished: bool) -> None:
    held.progress([{"n": n} for n in range(7)])
    if finished:
        held.complete()

    found = [held.page(f"?afterSeqId={after}&limit=3") for after in (0, 3, 6)]

    assert [numbers(page["entries"]) for page in found] == [[1, 2, 3], [4, 5, 6], [7]]
    assert [page["final"] for page in found] == [False, False, finished]
    assert {page["lastSeqId"] for page in found} == {7}


def test_a_page_that_ends_with_the_last_entry_is_final(held: Held) -> None:
    held.append(3)
    held.complete()

    assert held.page("?limit=3")["final"] is True
    assert held.page("?limit=2")["final"] is False


@every_ending
def test_the_last_page_tells_how_the_task_ended(held: Held, verb: str, status: str) -> None:
    outcomes: dict[str, Json] = {"completed": {"result": {"url": "x"}}, "failed": {"error": "broken"}}
    fields = outcomes.get(status, {})
    held.append(1)
    held.driver.post(held.task_id, verb, fields)

    page = held.page()

    told = {key: value for key, value in page.items() if key in ("result", "error", "newTaskId")}
    assert told == ({**fields, "newTaskId": None} if status == "failed" else fields)
    assert (page["status"], page["final"]) == (status, True)


def test_a_page_before_the_last_does_not_tell_the_outcome_yet(held: Held) -> None:
    held.append(3)
    held.complete(result="done")

    page = held.page("?limit=1")

    assert page["status"] == "completed"
    assert "result" not in page


def test_a_failed_task_with_retries_left_names_the_next_one(driver: Driver, task_type: str) -> None:
    held = driver.held(task_type, "w", maxRetries=1)
    new_task_id = held.fail(error="broken").json()["newTaskId"]

    assert new_task_id
    assert held.page()["newTaskId"] == new_task_id


def test_the_history_of_several_attempts_is_one(driver: Driver, task_type: str) -> None:
    first = driver.held(task_type, "first")
    first.append(2)
    first.release()
    assert numbers(first.page()["entries"]) == [1, 2]
    second = driver.taken(task_type, worker="second")
    second.append(2)

    assert numbers(first.page()["entries"]) == [1, 2, 3, 4]


@both
def test_ten_thousand_entries_fit_in_one_page(held: Held, finished: bool) -> None:
    for part in range(11):
        held.progress([{"n": n} for n in range(part * 1000, part * 1000 + 1000)])
    if finished:
        held.complete()

    page = held.page("?limit=10000")
    rest = held.page("?limit=10000&afterSeqId=10000")

    assert numbers(page["entries"]) == list(range(1, 10_001))
    assert numbers(rest["entries"]) == list(range(10_001, 11_001))
    assert (page["final"], rest["final"]) == (False, finished)


def test_a_thousand_is_what_a_page_has_by_itself(held: Held) -> None:
    for _ in range(2):
        held.progress([{"n": n} for n in range(600)])

    assert numbers(held.page()["entries"]) == list(range(1, 1001))


@both
def test_a_page_of_large_entries_is_shorter(held: Held, finished: bool) -> None:
    for _ in range(40):
        held.progress({"text": "x" * 60_000})
    if finished:
        held.complete()

    page = held.page("?limit=10000")

    assert 10 < len(page["entries"]) < 20
    assert page["lastSeqId"] == 40
    after = page["entries"][-1]["seqId"]
    assert held.page(f"?afterSeqId={after}")["entries"][0]["seqId"] == after + 1


def test_pages_of_a_long_history_show_every_entry_once(held: Held) -> None:
    for _ in range(12):
        held.progress([{"text": "x" * 3_000} for _ in range(100)])
    held.complete()

    shown = [number for page in pages(held, "&limit=333") for number in numbers(page["entries"])]

    assert shown == list(range(1, 1201))


def test_an_unknown_task_is_not_found(driver: Driver) -> None:
    assert_error(driver.read.get(f"{TASKS}/no-such-task/progress"), 404, "task_not_found")


@pytest.mark.parametrize(
    "query",
    ["afterSeqId=-1", "afterSeqId=x", "afterSeqId=2147483648", "limit=0", "limit=10001", "limit=1.5",
     "waitSeconds=61", "waitSeconds=-1"],
)  # fmt: skip
def test_bad_queries_are_refused_by_name(driver: Driver, held: Held, query: str) -> None:
    answer = driver.read.get(f"{TASKS}/{held.task_id}/progress?{query}")

    assert_error(answer, 400, "invalid_request")
    assert query.partition("=")[0] in answer.json()["message"]


def test_get_and_post_share_the_path(held: Held, raw: Callable[[], Connection]) -> None:
    held.append(1)
    target = f"{TASKS}/{held.task_id}/progress"

    head = raw().exchange("HEAD", target)
    options = raw().exchange("OPTIONS", target)

    assert head.status_code == 200
    assert int(head.headers["content-length"]) > 0
    assert options.headers["allow"] == "POST, GET, HEAD, OPTIONS"
