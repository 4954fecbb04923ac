"""Query parameters."""

from __future__ import annotations

import httpx
import pytest

from .driver import TASKS, Driver, Held, unique
from .shapes import assert_error

TRUE = ["true", "True", "TRUE", "1"]
FALSE = ["false", "False", "FALSE", "0"]


@pytest.mark.parametrize("given", TRUE)
def test_a_true_boolean_is_read_in_any_case(held: Held, given: str) -> None:
    assert "progressHistory" in held.driver.get(held.task_id, f"?progress={given}").json()


@pytest.mark.parametrize("given", FALSE)
def test_a_false_boolean_is_read_in_any_case(held: Held, given: str) -> None:
    assert "progressHistory" not in held.driver.get(held.task_id, f"?progress={given}").json()


def test_unknown_parameters_are_ignored(held: Held) -> None:
    assert held.driver.get(held.task_id, "?colour=green").status_code == 200


@pytest.mark.parametrize("given", ["maybe", "2", "yes", "on", "-1"])
def test_what_is_no_boolean_is_refused_by_name(held: Held, given: str) -> None:
    answer = held.driver.get(held.task_id, f"?progress={given}")

    assert_error(answer, 400, "invalid_request")
    assert "progress" in answer.json()["message"]


def tracked(driver: Driver, task_id: str, query: str) -> httpx.Response:
    return driver.read.get(f"{TASKS}/{task_id}/track?{query}", timeout=5)


BAD_TRACK = [
    ("afterSeqId", "-1"),
    ("afterSeqId", "x"),
    ("afterSeqId", "1.5"),
    ("ignoreHistory", "maybe"),
    ("lifecycle", "2"),
    ("named", "no"),
    ("heartbeatSeconds", "0"),
    ("heartbeatSeconds", "61"),
    ("heartbeatSeconds", "-1"),
    ("heartbeatSeconds", "x"),
    ("heartbeatSeconds", "1.5"),
]


@pytest.mark.parametrize(("name", "value"), BAD_TRACK)
def test_track_refuses_a_bad_parameter_by_name_before_any_stream(held: Held, name: str, value: str) -> None:
    answer = tracked(held.driver, held.task_id, f"{name}={value}")

    assert_error(answer, 400, "invalid_request")
    assert name in answer.json()["message"]


def test_track_of_an_unknown_task_is_404_before_any_stream(driver: Driver) -> None:
    answer = tracked(driver, unique("unknown"), "afterSeqId=1&ignoreHistory=true")

    assert_error(answer, 404, "task_not_found")


@pytest.mark.parametrize("query", ["heartbeatSeconds=1", "heartbeatSeconds=60", "afterSeqId=0"])
def test_track_accepts_the_edges_of_its_ranges(held: Held, query: str) -> None:
    with held.track(f"?{query}") as stream:
        assert stream.status == 200


@pytest.mark.parametrize("name", ["ignoreHistory", "lifecycle", "named"])
@pytest.mark.parametrize("value", [*TRUE, *FALSE])
def test_track_reads_its_booleans_in_any_case(held: Held, name: str, value: str) -> None:
    with held.track(f"?{name}={value}") as stream:
        assert stream.status == 200


@pytest.mark.parametrize("given", FALSE)
def test_a_false_ignore_history_keeps_the_history(held: Held, given: str) -> None:
    held.append(1)

    with held.track(f"?ignoreHistory={given}") as stream:
        assert stream.take(1)[0].id == "1"
