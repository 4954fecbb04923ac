"""A worker's own `seqId`: appends that can be repeated."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from .driver import Held, unique
from .shapes import assert_error, assert_json, numbers


def assert_gap(answer: httpx.Response, expected: int) -> None:
    assert assert_error(answer, 409, "seq_gap")["expectedSeqId"] == expected


def test_the_next_number_is_appended(held: Held) -> None:
    answers = [assert_json(held.progress({"seqId": n, "n": n}), 200) for n in (1, 2, 3)]

    assert [(answer["firstSeqId"], answer["seqId"]) for answer in answers] == [(1, 1), (2, 2), (3, 3)]
    assert held.task()["progressHistory"] == [{"seqId": n, "n": n} for n in (1, 2, 3)]


def test_own_numbers_and_given_numbers_are_one_sequence(held: Held) -> None:
    held.progress({"a": 1})
    held.progress({"seqId": 2, "a": 2})

    assert held.progress({"a": 3}).json()["seqId"] == 3


def test_a_stored_number_is_acknowledged_with_its_own_time(held: Held) -> None:
    first = held.progress({"seqId": 1, "n": 1}).json()
    held.progress({"seqId": 2, "n": 2})

    again = assert_json(held.progress({"seqId": 1, "n": 1}), 200)

    assert again == first
    assert numbers(held.task()["progressHistory"]) == [1, 2]


def test_a_number_that_was_given_is_acknowledged_too(held: Held) -> None:
    first = held.progress({"n": 1}).json()

    again = assert_json(held.progress({"seqId": 1, "n": 1}), 200)

    assert (again["seqId"], again["timestamp"]) == (1, first["timestamp"])


def test_the_content_of_a_repeat_is_not_compared(held: Held) -> None:
    held.progress({"seqId": 1, "n": "first"})

    assert_json(held.progress({"seqId": 1, "n": "second"}), 200)

    assert held.task()["progressHistory"] == [{"seqId": 1, "n": "first"}]


def test_a_repeat_makes_no_event(held: Held) -> None:
    with held.track() as stream:
        for number in (1, 1, 2, 1, 2, 3):
            held.progress({"seqId": number})
        held.complete()

        assert [frame.id for frame in stream.rest()] == ["1", "2", "3", "3.completed"]


@pytest.mark.parametrize(("stored", "sent"), [(0, 2), (0, 100), (2, 4), (2, 10**12)])
def test_a_number_ahead_of_the_next_is_a_gap(held: Held, stored: int, sent: int) -> None:
    held.append(stored)

    assert_gap(held.progress({"seqId": sent}), stored + 1)

    assert held.task()["lastSeqId"] == stored


def test_a_number_of_an_older_attempt_is_a_gap(held: Held, task_type: str) -> None:
    held.progress({"seqId": 1, "by": "first"})
    held.release()
    second = held.driver.taken(task_type, worker=unique("second"))

    assert_gap(second.progress({"seqId": 1, "by": "second"}), 2)

    assert held.task()["progressHistory"] == [{"seqId": 1, "by": "first"}]


def test_a_later_attempt_goes_on_with_the_next_number(held: Held, task_type: str) -> None:
    held.progress({"seqId": 1})
    held.release()
    second = held.driver.taken(task_type, worker=unique("second"))

    assert_json(second.progress({"seqId": 2}), 200)
    assert_json(second.progress({"seqId": 2}), 200)

    assert numbers(held.task()["progressHistory"]) == [1, 2]


def test_a_numbered_array_is_appended(held: Held) -> None:
    held.append(1)

    answer = assert_json(held.progress([{"seqId": 2}, {"seqId": 3}]), 200)

    assert (answer["firstSeqId"], answer["seqId"]) == (2, 3)


def test_a_numbered_array_can_be_repeated(held: Held) -> None:
    entries = [{"seqId": 1, "n": 1}, {"seqId": 2, "n": 2}]
    first = held.progress(entries).json()

    again = assert_json(held.progress(entries), 200)

    assert again == first
    assert held.task()["progressHistory"] == entries


def test_an_array_that_is_half_stored_is_completed(held: Held) -> None:
    held.progress([{"seqId": 1}, {"seqId": 2}])

    answer = assert_json(held.progress([{"seqId": 2}, {"seqId": 3}, {"seqId": 4}]), 200)

    assert answer["seqId"] == 4
    assert numbers(held.task()["progressHistory"]) == [1, 2, 3, 4]


def test_an_array_ahead_of_the_next_number_is_a_gap(held: Held) -> None:
    assert_gap(held.progress([{"seqId": 2}, {"seqId": 3}]), 1)

    assert held.task()["progressHistory"] == []


@pytest.mark.parametrize("entries", [[1, None], [None, 1], [1, 3], [2, 1], [1, 1]], ids=str)
def test_an_array_numbers_all_or_none_and_consecutively(held: Held, entries: list[int | None]) -> None:
    answer = held.progress([{} if number is None else {"seqId": number} for number in entries])

    assert_error(answer, 400, "invalid_request")
    assert "seqId" in answer.json()["message"]
    assert held.task()["progressHistory"] == []


@pytest.mark.parametrize("number", [0, -1, 1.5, "1", True, [], {}], ids=repr)
@pytest.mark.parametrize("in_array", [False, True], ids=["single", "array"])
def test_an_own_number_is_a_positive_integer(held: Held, number: Any, in_array: bool) -> None:
    entry = {"seqId": number}

    answer = held.progress([entry] if in_array else entry)

    assert_error(answer, 400, "invalid_request")
    assert "seqId" in answer.json()["message"]
    assert held.task()["progressHistory"] == []


def test_a_number_within_a_value_means_nothing(held: Held) -> None:
    assert_json(held.progress({"nested": {"seqId": 77}}), 200)

    assert held.task()["progressHistory"] == [{"seqId": 1, "nested": {"seqId": 77}}]
