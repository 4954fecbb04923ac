"""`POST /:taskId/progress`: numbered entries."""

from __future__ import annotations

from functools import partial
from typing import Any

import httpx
import pytest

from .driver import Driver, Held
from .shapes import assert_error, assert_json, assert_wrong_status, every_ending, instant, numbers
from .waiting import at_once

KIB = 1024


def test_progress_answers_exactly_what_is_promised(held: Held) -> None:
    answer = assert_json(held.progress({"percent": 42}), 200)

    assert instant(answer.pop("timestamp")) >= instant(held.task()["startedAt"])
    assert answer == {"taskId": held.task_id, "seqId": 1, "firstSeqId": 1, "cancelRequested": False}


def test_entries_are_numbered_from_one_without_gaps(held: Held) -> None:
    answers = [held.progress({"n": n}).json() for n in range(5)]

    assert [answer["seqId"] for answer in answers] == [1, 2, 3, 4, 5]
    assert numbers(held.task()["progressHistory"]) == [1, 2, 3, 4, 5]


def test_times_of_entries_never_go_back(held: Held) -> None:
    times = [held.progress({"n": n}).json()["timestamp"] for n in range(5)]

    assert times == sorted(times)


def test_an_array_is_numbered_in_its_order(held: Held) -> None:
    held.append(1)

    answer = assert_json(held.progress([{"n": 10}, {"n": 20}, {"n": 30}]), 200)

    assert (answer["firstSeqId"], answer["seqId"]) == (2, 4)
    history = held.task()["progressHistory"]
    assert history[1:] == [{"seqId": 2, "n": 10}, {"seqId": 3, "n": 20}, {"seqId": 4, "n": 30}]


def test_an_array_of_one_is_one_entry(held: Held) -> None:
    answer = assert_json(held.progress([{"n": 1}]), 200)

    assert (answer["firstSeqId"], answer["seqId"]) == (1, 1)


def test_an_empty_object_is_an_entry(held: Held) -> None:
    assert_json(held.progress({}), 200)

    assert held.task()["progressHistory"] == [{"seqId": 1}]


def test_an_array_may_hold_1000_entries(held: Held) -> None:
    answer = assert_json(held.progress([{"n": n} for n in range(1000)]), 200)

    assert (answer["firstSeqId"], answer["seqId"]) == (1, 1000)
    assert held.task()["progressHistory"] == [{"seqId": n + 1, "n": n} for n in range(1000)]


@pytest.mark.parametrize("count", [0, 1001])
def test_an_array_of_another_length_is_refused(held: Held, count: int) -> None:
    answer = held.progress([{"n": n} for n in range(count)])

    assert_error(answer, 400, "invalid_request")
    assert "progress" in answer.json()["message"]
    assert held.task()["progressHistory"] == []


@pytest.mark.parametrize("value", ["text", 5, 0.5, True, [5], ["a"], [[]], [None], [{}, 1]], ids=repr)
def test_what_is_no_object_is_refused(held: Held, value: Any) -> None:
    answer = held.progress(value)

    assert_error(answer, 400, "invalid_request")
    assert "progress" in answer.json()["message"]
    assert held.task()["progressHistory"] == []


def test_the_place_of_a_bad_entry_in_an_array_is_told(held: Held) -> None:
    answer = held.driver.post(held.task_id, "progress", {"progress": [{}, {}, 5]})

    assert_error(answer, 400, "invalid_request")
    assert "$.progress[2]" in answer.json()["message"]


def test_a_call_without_progress_is_refused_by_name(held: Held) -> None:
    answer = held.driver.post(held.task_id, "progress", {"percent": 5})

    assert_error(answer, 400, "invalid_request")
    assert "progress" in answer.json()["message"]


def test_an_entry_of_almost_64_kib_is_accepted(held: Held) -> None:
    assert_json(held.progress({"x": "x" * (63 * KIB)}), 200)


def test_a_larger_entry_is_too_large(held: Held) -> None:
    assert_error(held.progress({"x": "x" * (65 * KIB)}), 413, "too_large")

    assert held.task()["progressHistory"] == []


def test_one_entry_that_is_too_large_spoils_the_array(held: Held) -> None:
    assert_error(held.progress([{"n": 1}, {"x": "x" * (65 * KIB)}]), 413, "too_large")

    assert held.task()["progressHistory"] == []


def test_an_array_may_be_larger_than_an_ordinary_body(held: Held) -> None:
    assert_json(held.progress([{"x": "x" * (30 * KIB)} for _ in range(60)]), 200)

    assert numbers(held.task()["progressHistory"]) == list(range(1, 61))


def test_a_pending_task_takes_no_progress(driver: Driver, task_type: str) -> None:
    task_id = driver.new(task_type)

    assert_wrong_status(driver.progress(task_id, {"n": 1}), "pending")

    assert driver.task(task_id)["progressHistory"] == []


@every_ending
@pytest.mark.parametrize("entries", [0, 2])
def test_a_finished_task_takes_no_progress(held: Held, verb: str, status: str, entries: int) -> None:
    held.append(entries)
    held.driver.post(held.task_id, verb)

    assert_wrong_status(held.progress({"n": 1}), status)
    assert_wrong_status(held.driver.progress(held.task_id, {"n": 1}), status)

    assert numbers(held.task()["progressHistory"]) == list(range(1, entries + 1))


@pytest.mark.parametrize("before", [0, 2])
def test_another_worker_may_not_report(held: Held, before: int) -> None:
    held.append(before)

    answer = held.driver.progress(held.task_id, {"n": 1}, workerId="somebody else")

    assert_error(answer, 403, "not_task_worker")
    assert held.task()["lastSeqId"] == before


@pytest.mark.parametrize("before", [0, 2])
def test_an_older_attempt_may_not_report_once_the_task_is_claimed_again(
    held: Held, task_type: str, before: int
) -> None:
    held.append(before)
    held.release()
    held.driver.taken(task_type, worker=held.worker)

    assert_error(held.progress({"n": 1}), 409, "stale_attempt")

    assert held.task()["lastSeqId"] == before


def test_each_task_has_numbers_of_its_own(driver: Driver, task_type: str) -> None:
    tasks = [driver.held(task_type, "w") for _ in range(3)]

    for count, held in enumerate(tasks):
        held.append(count)

    assert [held.task()["lastSeqId"] for held in tasks] == [0, 1, 2]


def test_racing_writers_get_one_number_each(held: Held) -> None:
    def write(writer: int) -> list[httpx.Response]:
        return [held.progress({"writer": writer, "n": n}) for n in range(10)]

    rounds = at_once([partial(write, writer) for writer in range(6)])

    given = {
        answer.json()["seqId"]: (writer, n)
        for writer, answers in enumerate(rounds)
        for n, answer in enumerate(answers)
    }
    history = held.task()["progressHistory"]
    assert sorted(given) == numbers(history) == list(range(1, 61))
    assert {entry["seqId"]: (entry["writer"], entry["n"]) for entry in history} == given


def test_racing_arrays_stay_in_one_piece(held: Held) -> None:
    arrays = [[{"writer": writer, "n": n} for n in range(20)] for writer in range(6)]

    answers = at_once([partial(held.progress, array) for array in arrays])

    history = held.task()["progressHistory"]
    for array, answer in zip(arrays, answers, strict=True):
        first, last = answer.json()["firstSeqId"], answer.json()["seqId"]
        assert last - first == 19
        assert history[first - 1 : last] == [{"seqId": first + n, **entry} for n, entry in enumerate(array)]
