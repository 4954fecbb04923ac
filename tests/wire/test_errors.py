"""Every error from every path has one shape, a stable code and says which field is wrong."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from .driver import TASKS, Driver, unique
from .rawhttp import Connection
from .shapes import assert_error

VERB_PATHS = ["/claim", "/timeouts/process", "/x/start", "/x/complete", "/x/fail", "/x/release", "/x/retry"]
WRITE_VERBS = ["start", "complete", "fail", "timeout", "progress", "release", "retry"]


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize("path", ["/nope", "/api", "/api/v1/nope", "/api/v2/tasks", f"{TASKS}/x/nope"])
def test_an_unknown_route_is_404(write: httpx.Client, method: str, path: str) -> None:
    assert_error(write.request(method, path), 404, "route_not_found")


def test_a_path_below_a_verb_is_an_unknown_route(write: httpx.Client) -> None:
    assert_error(write.post(f"{TASKS}/x/complete/y"), 404, "route_not_found")


@pytest.mark.parametrize("path", ["/%00", "/%ff", "/%zz", "/%", "/..%2f..", f"{TASKS}/%00", f"{TASKS}/%ff"])
def test_a_path_of_garbage_is_refused_in_the_usual_shape(raw: Callable[[], Connection], path: str) -> None:
    answer = raw().exchange("GET", path)

    assert answer.status_code in {400, 404}
    assert_error(answer, answer.status_code, answer.json()["code"])


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
def test_a_method_the_task_list_does_not_know_is_405_with_allow(write: httpx.Client, method: str) -> None:
    answer = write.request(method, TASKS)

    assert_error(answer, 405, "method_not_allowed")
    assert "POST" in allowed(answer)


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize("suffix", ["", "/track"])
def test_a_read_answers_other_methods_with_405(write: httpx.Client, method: str, suffix: str) -> None:
    answer = write.request(method, f"{TASKS}/x{suffix}")

    assert_error(answer, 405, "method_not_allowed")
    assert "GET" in allowed(answer)
    assert method not in allowed(answer)


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
@pytest.mark.parametrize("path", VERB_PATHS)
def test_a_verb_answers_other_methods_with_405(write: httpx.Client, method: str, path: str) -> None:
    answer = write.request(method, TASKS + path)

    assert_error(answer, 405, "method_not_allowed")
    assert "POST" in allowed(answer)
    assert method not in allowed(answer)


@pytest.mark.parametrize("path", [TASKS, f"{TASKS}/x", f"{TASKS}/x/complete", f"{TASKS}/claim"])
def test_a_method_nobody_knows_is_405(raw: Callable[[], Connection], path: str) -> None:
    answer = raw().exchange("BREW", path)

    assert_error(answer, 405, "method_not_allowed")
    assert allowed(answer)


def allowed(answer: httpx.Response) -> set[str]:
    return {method.strip() for method in answer.headers["allow"].split(",")}


@pytest.mark.parametrize("verb", WRITE_VERBS)
def test_every_verb_on_an_unknown_task_is_404(driver: Driver, verb: str) -> None:
    answer = driver.post(unique("unknown"), verb, {"progress": {}, "workerId": "w", "attempt": 1})

    assert_error(answer, 404, "task_not_found")


@pytest.mark.parametrize("suffix", ["", "/track"])
def test_reading_an_unknown_task_is_404(driver: Driver, suffix: str) -> None:
    answer = driver.read.get(f"{TASKS}/{unique('unknown')}{suffix}")

    assert_error(answer, 404, "task_not_found")


def claim_body(**changed: object) -> dict[str, object]:
    return {"taskTypes": [unique()], "workerId": "w", **changed}


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"taskTypes": "a"}, "$.taskTypes"),
        ({"taskTypes": [5]}, "$.taskTypes[0]"),
        ({"taskTypes": ["a", None]}, "$.taskTypes[1]"),
        ({"taskTypes": {}}, "$.taskTypes"),
        ({"workerId": 5}, "$.workerId"),
        ({"claimId": 5}, "$.claimId"),
    ],
    ids=str,
)
def test_a_claim_with_a_wrong_type_names_the_field(
    write: httpx.Client, changed: dict[str, Any], field: str
) -> None:
    answer = write.post(f"{TASKS}/claim", json=claim_body(**changed))

    assert_error(answer, 400, "invalid_request")
    assert field in answer.json()["message"]


@pytest.mark.parametrize("missing", ["taskTypes", "workerId"])
def test_a_claim_without_a_required_field_names_it(write: httpx.Client, missing: str) -> None:
    body = claim_body()
    del body[missing]

    answer = write.post(f"{TASKS}/claim", json=body)

    assert_error(answer, 400, "invalid_request")
    assert missing in answer.json()["message"]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("metadata", []),
        ("metadata", "text"),
        ("params", [1]),
        ("params", 5),
        ("timeoutSeconds", "60"),
        ("timeoutSeconds", 1.5),
        ("timeoutSeconds", True),
        ("priority", "high"),
        ("priority", 0.5),
        ("runAt", 1767225600),
        ("maxRetries", "3"),
        ("maxAttempts", []),
    ],
    ids=str,
)
def test_a_registration_with_a_wrong_type_names_the_field(
    driver: Driver, task_type: str, field: str, value: object
) -> None:
    answer = driver.register(task_type, **{field: value})

    assert_error(answer, 400, "invalid_request")
    assert f"$.{field}" in answer.json()["message"]


@pytest.mark.parametrize("value", [5, None, [], {}], ids=str)
def test_a_registration_needs_a_task_type(write: httpx.Client, value: object) -> None:
    answer = write.post(TASKS, json={"taskType": value})

    assert_error(answer, 400, "invalid_request")
    assert "taskType" in answer.json()["message"]


@pytest.mark.parametrize("verb", ["complete", "fail", "release", "progress"])
@pytest.mark.parametrize("attempt", ["1", 1.5, True, []], ids=str)
def test_an_attempt_is_a_whole_number(driver: Driver, task_type: str, verb: str, attempt: object) -> None:
    task_id = driver.new(task_type)

    answer = driver.post(task_id, verb, {"attempt": attempt, "progress": {}})

    assert_error(answer, 400, "invalid_request")
    assert "$.attempt" in answer.json()["message"]


@pytest.mark.parametrize("retry", ["no", 0, []], ids=str)
def test_the_retry_flag_of_fail_is_a_boolean(driver: Driver, task_type: str, retry: object) -> None:
    answer = driver.fail(driver.new(task_type), retry=retry)

    assert_error(answer, 400, "invalid_request")
    assert "$.retry" in answer.json()["message"]
