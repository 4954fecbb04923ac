"""How a task is named."""

from __future__ import annotations

import re
from urllib.parse import quote

import pytest

from .driver import TASKS, Driver, unique
from .shapes import assert_error, assert_json


@pytest.mark.parametrize("first", ["a", "Z", "0", "9", "_"])
def test_an_id_may_begin_with_a_letter_a_digit_or_an_underscore(
    driver: Driver, task_type: str, first: str
) -> None:
    task_id = first + unique("")

    answer = driver.register(task_type, taskId=task_id)

    assert answer.status_code == 201
    assert answer.json()["taskId"] == task_id
    assert driver.task(task_id)["id"] == task_id


@pytest.mark.parametrize("sign", ["_", ".", ":", "@", "~", "=", "-"])
def test_an_id_may_hold_every_sign_of_the_alphabet(driver: Driver, task_type: str, sign: str) -> None:
    task_id = unique("a") + sign + "b" + sign

    answer = driver.register(task_type, taskId=task_id)

    assert answer.status_code == 201
    assert driver.task(task_id)["id"] == task_id


def test_a_task_is_found_by_its_percent_encoded_id(driver: Driver, task_type: str) -> None:
    task_id = driver.new(task_type, taskId=unique("a") + ":b@c=d")

    answer = driver.read.get(f"{TASKS}/{quote(task_id, safe='')}")

    assert answer.status_code == 200
    assert answer.json()["id"] == task_id


def test_an_id_may_have_64_characters(driver: Driver, task_type: str) -> None:
    task_id = unique().ljust(64, "x")

    answer = driver.register(task_type, taskId=task_id)

    assert answer.status_code == 201
    assert driver.task(task_id)["id"] == task_id


def test_ids_differ_by_case(driver: Driver, task_type: str) -> None:
    task_id = driver.new(task_type, taskId=unique("lower"))

    answer = driver.register(task_type, taskId=task_id.upper())

    assert answer.status_code == 201


INVALID = {
    "empty": "",
    "65 characters": "x" * 65,
    "leading dash": "-a",
    "leading dot": ".a",
    "leading colon": ":a",
    "leading tilde": "~a",
    "blank": "a b",
    "slash": "a/b",
    "percent": "a%41",
    "question mark": "a?b",
    "plus": "a+b",
    "brace": "a{b}",
    "letter outside ASCII": "äb",
    "digit outside ASCII": "١",
    "emoji": "a😀",
    "trailing newline": "a\n",
    "NUL": "a\u0000",
}


@pytest.mark.parametrize("task_id", INVALID.values(), ids=INVALID.keys())
def test_an_id_outside_the_alphabet_is_refused(driver: Driver, task_type: str, task_id: str) -> None:
    answer = driver.register(task_type, taskId=task_id)

    assert_error(answer, 400, "invalid_request")
    assert "$.taskId" in answer.json()["message"]


@pytest.mark.parametrize("task_id", ["claim", "bulk", "stats", "timeouts"])
def test_a_reserved_word_is_no_id(driver: Driver, task_type: str, task_id: str) -> None:
    assert_error(driver.register(task_type, taskId=task_id), 400, "invalid_request")


@pytest.mark.parametrize("task_id", [5, True, ["a"], {"a": 1}], ids=str)
def test_an_id_is_a_string(driver: Driver, task_type: str, task_id: object) -> None:
    answer = driver.register(task_type, taskId=task_id)

    assert_error(answer, 400, "invalid_request")
    assert "$.taskId" in answer.json()["message"]


def test_without_an_id_the_service_makes_a_cuid2(driver: Driver, task_type: str) -> None:
    made = [assert_json(driver.register(task_type), 201)["taskId"] for _ in range(3)]

    assert all(re.fullmatch(r"[a-z][a-z0-9]{1,31}", task_id) for task_id in made), made
    assert len(set(made)) == 3


@pytest.mark.parametrize("verb", ["start", "complete", "fail", "timeout", "progress", "release", "retry"])
def test_an_impossible_id_in_a_path_is_a_bad_request(driver: Driver, verb: str) -> None:
    answer = driver.post("x" * 65, verb, {"progress": {}})

    assert_error(answer, 400, "invalid_request")


@pytest.mark.parametrize("suffix", ["", "/track"])
def test_an_impossible_id_in_the_path_of_a_read_is_a_bad_request(driver: Driver, suffix: str) -> None:
    answer = driver.read.get(f"{TASKS}/-a{suffix}")

    assert_error(answer, 400, "invalid_request")
