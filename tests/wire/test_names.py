"""Task types and worker ids: 1-128 code points, no control characters, compared exactly."""

from __future__ import annotations

import httpx
import pytest

from .driver import Driver, Held, unique
from .shapes import assert_error

ASTRAL = "😀"
CONTROLS = ["\u0000", "\t", "\n", "\u001f", "\u007f", "\u0085"]
VERBS = ["start", "complete", "fail", "timeout", "progress", "release"]


def padded(filler: str, length: int = 128) -> str:
    name = unique()
    return name + filler * (length - len(name))


def invalid_request(answer: httpx.Response, field: str) -> None:
    assert_error(answer, 400, "invalid_request")
    assert field in answer.json()["message"]


@pytest.mark.parametrize("filler", ["x", "é", ASTRAL], ids=["ascii", "latin", "astral"])
def test_a_task_type_may_have_128_code_points(driver: Driver, filler: str) -> None:
    task_type = padded(filler)

    task_id = driver.new(task_type)

    assert driver.task(task_id)["taskType"] == task_type


@pytest.mark.parametrize("filler", ["x", ASTRAL], ids=["ascii", "astral"])
def test_a_task_type_of_129_code_points_is_refused(driver: Driver, filler: str) -> None:
    invalid_request(driver.register(padded(filler, 129)), "$.taskType")


def test_a_task_type_is_not_empty(driver: Driver) -> None:
    invalid_request(driver.register(""), "$.taskType")


@pytest.mark.parametrize("control", CONTROLS, ids=ascii)
def test_a_task_type_has_no_control_characters(driver: Driver, control: str) -> None:
    invalid_request(driver.register(f"a{control}b"), "$.taskType")


def test_a_task_type_may_hold_blanks_and_any_script(driver: Driver) -> None:
    task_type = f"видео / encode 動画 {unique()}"

    assert driver.task(driver.new(task_type))["taskType"] == task_type


@pytest.mark.parametrize(
    "other", ["{} ", " {}", "{}x", "{}\u0301"], ids=["trailing blank", "leading blank", "longer", "accent"]
)
def test_task_types_are_compared_exactly(driver: Driver, task_type: str, worker: str, other: str) -> None:
    driver.new(task_type)

    assert driver.claimed(other.format(task_type), worker=worker) is None


def test_task_types_differ_by_case(driver: Driver, task_type: str, worker: str) -> None:
    driver.new(task_type)

    assert driver.claimed(task_type.upper(), worker=worker) is None


def test_task_types_differ_by_unicode_normalisation(driver: Driver, task_type: str, worker: str) -> None:
    driver.new(f"{task_type}\u00e9")

    assert driver.claimed(f"{task_type}e\u0301", worker=worker) is None


@pytest.mark.parametrize("filler", ["x", ASTRAL], ids=["ascii", "astral"])
def test_a_worker_id_may_have_128_code_points(driver: Driver, task_type: str, filler: str) -> None:
    worker = padded(filler)
    driver.new(task_type)

    task = driver.claimed(task_type, worker=worker)

    assert task is not None
    assert task["workerId"] == worker


@pytest.mark.parametrize(
    "worker",
    ["", "x" * 129, ASTRAL * 129, *(f"a{control}b" for control in CONTROLS)],
    ids=lambda worker: ascii(worker)[:12],
)
def test_a_claim_refuses_an_impossible_worker_id(driver: Driver, task_type: str, worker: str) -> None:
    invalid_request(driver.claim(task_type, worker=worker), "$.workerId")


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("worker", ["", "x" * 129, "a\nb", 7], ids=["empty", "long", "control", "number"])
def test_every_verb_refuses_an_impossible_worker_id(
    driver: Driver, task_type: str, verb: str, worker: object
) -> None:
    task_id = driver.new(task_type)

    answer = driver.post(task_id, verb, {"workerId": worker, "progress": {}})

    invalid_request(answer, "$.workerId")
    assert driver.task(task_id)["status"] == "pending"


def test_worker_ids_differ_by_case(held: Held) -> None:
    answer = held.driver.complete(held.task_id, workerId=held.worker.upper())

    assert_error(answer, 403, "not_task_worker")


@pytest.mark.parametrize(
    "task_type", ["", "x" * 129, "a\u0000b", "a\nb"], ids=["empty", "long", "NUL", "newline"]
)
def test_a_claim_refuses_an_impossible_task_type_and_names_its_place(
    driver: Driver, worker: str, task_type: str
) -> None:
    invalid_request(driver.claim(unique(), task_type, worker=worker), "$.taskTypes[1]")
