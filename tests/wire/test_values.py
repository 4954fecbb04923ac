"""Opaque values are kept by meaning."""

from __future__ import annotations

import json
from typing import Any

import pytest

from .driver import TASKS, Driver, Held, Json

ANY_JSON: list[Any] = [0, -1.5, True, False, "", "text", [], {}, [1, [2, None]], {"a": {"b": None}}]


@pytest.mark.parametrize("result", ANY_JSON, ids=json.dumps)
def test_a_result_is_any_json(held: Held, result: Any) -> None:
    assert held.complete(result=result).status_code == 200

    assert held.task()["result"] == result
    assert type(held.task()["result"]) is type(result)


@pytest.mark.parametrize("error", ANY_JSON, ids=json.dumps)
def test_an_error_is_any_json(held: Held, error: Any) -> None:
    assert held.fail(error=error).status_code == 200

    assert held.task()["error"] == error
    assert type(held.task()["error"]) is type(error)


def test_metadata_and_params_are_kept_by_meaning(driver: Driver, task_type: str) -> None:
    value: Json = {"": None, "b": [1, 2.5, {"deep": [True, None]}], "a": {}, "é\n\t'\\": "😀"}

    task = driver.task(driver.new(task_type, metadata=value, params=value))

    assert task["metadata"] == value
    assert task["params"] == value


def test_whole_numbers_keep_all_their_digits(driver: Driver, task_type: str) -> None:
    value = {"big": 2**70 + 1, "negative": -(2**64) - 1, "id": 9_007_199_254_740_993}

    assert driver.task(driver.new(task_type, params=value))["params"] == value


def test_whole_numbers_in_progress_keep_all_their_digits(held: Held) -> None:
    value = {"big": 2**70 + 1, "id": 9_007_199_254_740_993}
    held.progress(value)
    live = held.task()["progressHistory"]

    held.complete()

    assert live == held.task()["progressHistory"] == [{"seqId": 1, **value}]


def test_numbers_mean_the_same_however_they_are_written(driver: Driver, task_type: str) -> None:
    body = f'{{"taskType": "{task_type}", "params": {{"a": 1e2, "b": 0.10, "c": 1E-3, "d": -0.5e1}}}}'

    task_id = driver.write.post(TASKS, content=body).json()["taskId"]

    assert driver.task(task_id)["params"] == {"a": 100, "b": 0.1, "c": 0.001, "d": -5}


def test_a_claim_hands_the_values_to_the_worker(driver: Driver, task_type: str, worker: str) -> None:
    driver.new(task_type, metadata={"owner": "ann"}, params={"src": ["a", {"b": None}]})

    task = driver.claimed(task_type, worker=worker)

    assert task is not None
    assert task["metadata"] == {"owner": "ann"}
    assert task["params"] == {"src": ["a", {"b": None}]}


def test_progress_entries_are_kept_by_meaning(held: Held) -> None:
    entry = {"percent": 42.5, "nested": {"a": [1, None, {"b": "ü"}]}, "": "", "timestamp": "mine", "data": 1}
    held.progress(entry)
    live = held.task()["progressHistory"]

    held.complete()

    assert live == held.task()["progressHistory"] == [{"seqId": 1, **entry}]
