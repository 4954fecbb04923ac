"""How a request body is read."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from .driver import TASKS, Driver, Held, unique
from .rawhttp import Connection
from .shapes import assert_error, assert_json

MEBIBYTE = 1024 * 1024

TYPES = [
    "application/json",
    "text/plain",
    "application/x-www-form-urlencoded",
    "multipart/form-data",
    "multipart/form-data; boundary=x",
    "application/octet-stream",
    "no type at all",
]


@pytest.mark.parametrize("content_type", TYPES)
def test_a_body_is_json_whatever_its_content_type(
    write: httpx.Client, task_type: str, content_type: str
) -> None:
    body = json.dumps({"taskType": task_type})

    answer = write.post(TASKS, content=body, headers={"Content-Type": content_type})

    assert_json(answer, 201)


def test_a_body_needs_no_content_type(write: httpx.Client, task_type: str) -> None:
    assert_json(write.post(TASKS, content=json.dumps({"taskType": task_type})), 201)


@pytest.mark.parametrize("content_type", TYPES)
def test_a_form_is_not_parsed(write: httpx.Client, task_type: str, content_type: str) -> None:
    answer = write.post(TASKS, content=f"taskType={task_type}", headers={"Content-Type": content_type})

    assert_error(answer, 400, "invalid_json")


@pytest.mark.parametrize("verb", ["start", "complete", "fail", "timeout", "release"])
def test_no_body_is_an_empty_object_where_nothing_is_required(
    driver: Driver, task_type: str, worker: str, verb: str
) -> None:
    task_id = driver.new(task_type, maxRetries=0)
    if verb != "start":
        driver.start(task_id, workerId=worker)

    assert_json(driver.post(task_id, verb), 200)


def test_no_body_is_needed_to_process_timeouts_or_to_retry(
    driver: Driver, task_type: str, worker: str
) -> None:
    held = driver.held(task_type, worker, maxRetries=0)
    held.fail()

    assert_json(driver.write.post(f"{TASKS}/timeouts/process"), 200)
    assert_json(driver.post(held.task_id, "retry"), 201)


@pytest.mark.parametrize("path", ["", "/claim"])
def test_no_body_is_a_bad_request_where_a_field_is_required(write: httpx.Client, path: str) -> None:
    answer = write.post(TASKS + path)

    assert answer.json()["code"] in {"invalid_request", "invalid_json"}
    assert_error(answer, 400, answer.json()["code"])


def test_progress_without_a_body_is_a_bad_request(held: Held) -> None:
    answer = held.driver.post(held.task_id, "progress")

    assert answer.json()["code"] in {"invalid_request", "invalid_json"}
    assert_error(answer, 400, answer.json()["code"])


BROKEN = [
    "{",
    "{]",
    "nope",
    '{"taskType": "a"} x',
    '{"taskType": "a",}',
    "{'taskType': 'a'}",
    '{"taskType": NaN}',
]


@pytest.mark.parametrize("body", [*BROKEN, '{"taskType": "a\nb"}'], ids=ascii)
def test_broken_json_is_told_as_such(write: httpx.Client, body: str) -> None:
    assert_error(write.post(TASKS, content=body), 400, "invalid_json")


@pytest.mark.parametrize("body", ["[]", '"text"', "5", "true"])
def test_a_body_that_is_no_object_is_refused(write: httpx.Client, body: str) -> None:
    assert_error(write.post(TASKS, content=body), 400, "invalid_request")


@pytest.mark.parametrize("verb", ["complete", "fail", "timeout", "release", "start"])
def test_a_verb_with_broken_json_changes_nothing(held: Held, verb: str) -> None:
    before = held.task()

    answer = held.driver.write.post(f"{TASKS}/{held.task_id}/{verb}", content="{")

    assert_error(answer, 400, "invalid_json")
    assert held.task() == before


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "zstd"])
def test_a_content_encoding_is_unsupported(write: httpx.Client, task_type: str, encoding: str) -> None:
    body = gzip.compress(json.dumps({"taskType": task_type}).encode())

    answer = write.post(TASKS, content=body, headers={"Content-Encoding": encoding})

    assert_error(answer, 415, "unsupported_encoding")


def test_unknown_fields_are_ignored(driver: Driver, task_type: str, worker: str) -> None:
    task_id = driver.new(task_type, colour="green", status="completed", nested={"a": [1]})
    started = driver.start(task_id, workerId=worker, colour="green")
    progressed = driver.progress(task_id, {"n": 1}, colour="green")
    completed = driver.complete(task_id, colour="green")

    assert [a.status_code for a in (started, progressed, completed)] == [200, 200, 200]
    assert "colour" not in driver.task(task_id)


def test_null_counts_as_absent_in_a_registration(driver: Driver, task_type: str) -> None:
    same = ["metadata", "params", "timeoutSeconds", "priority", "maxRetries", "maxAttempts"]
    plain = driver.task(driver.new(task_type))

    task = driver.task(driver.new(task_type, **dict.fromkeys([*same, "taskId", "runAt"])))

    assert {name: task[name] for name in same} == {name: plain[name] for name in same}


def test_null_counts_as_absent_in_a_claim(driver: Driver, task_type: str, worker: str) -> None:
    driver.new(task_type)

    task = driver.claimed(task_type, worker=worker, waitSeconds=None, leaseSeconds=None, claimId=None)

    assert task is not None
    assert task["leaseExpiresAt"] is None


def test_null_counts_as_absent_in_a_worker_verb(held: Held) -> None:
    answer = held.driver.complete(held.task_id, workerId=None, attempt=None, result=None)

    assert_json(answer, 200)
    assert held.task()["result"] is None


@pytest.mark.parametrize(
    ("path", "field"), [("", "taskType"), ("/claim", "taskTypes"), ("/claim", "workerId")]
)
def test_null_does_not_stand_for_a_required_field(write: httpx.Client, path: str, field: str) -> None:
    body: dict[str, Any] = {"taskType": unique(), "taskTypes": [unique()], "workerId": "w", field: None}

    answer = write.post(TASKS + path, json=body)

    assert_error(answer, 400, "invalid_request")
    assert field in answer.json()["message"]


def test_progress_must_not_be_null(held: Held) -> None:
    answer = held.driver.post(held.task_id, "progress", {"progress": None})

    assert_error(answer, 400, "invalid_request")
    assert "progress" in answer.json()["message"]


def body_of(size: int, task_type: str) -> bytes:
    frame = json.dumps({"taskType": task_type, "params": {"x": ""}}).encode()
    return frame.replace(b'""', b'"' + b"x" * (size - len(frame)) + b'"')


def test_a_body_of_one_mebibyte_is_accepted(write: httpx.Client, task_type: str) -> None:
    assert_json(write.post(TASKS, content=body_of(MEBIBYTE, task_type)), 201)


def test_a_larger_body_is_too_large(write: httpx.Client, task_type: str) -> None:
    answer = write.post(TASKS, content=body_of(MEBIBYTE + 1024, task_type))

    assert_error(answer, 413, "too_large")


@pytest.mark.parametrize("path", ["/claim", "/x/start", "/x/complete", "/x/fail", "/x/timeout", "/x/release"])
def test_every_call_refuses_a_body_that_is_too_large(write: httpx.Client, path: str) -> None:
    assert_error(write.post(TASKS + path, content=body_of(MEBIBYTE + 1024, "a")), 413, "too_large")


def test_a_chunked_body_that_is_too_large_is_refused(raw: Callable[[], Connection], task_type: str) -> None:
    text = body_of(MEBIBYTE + 1024, task_type)
    chunks = b"%x\r\n%s\r\n0\r\n\r\n" % (len(text), text)

    answer = raw().exchange("POST", TASKS, chunks, {"Transfer-Encoding": "chunked"})

    assert_error(answer, 413, "too_large")


def test_a_body_announced_as_enormous_is_refused(raw: Callable[[], Connection]) -> None:
    announced = {"Content-Length": str(1024 * MEBIBYTE)}

    answer = raw().exchange("POST", TASKS, b"{" + b" " * 2 * MEBIBYTE, announced)

    assert_error(answer, 413, "too_large")


def test_text_outside_ascii_is_kept(driver: Driver, task_type: str) -> None:
    metadata = {"título": "naïve 動画 😀", "\u2028": "\u007f"}

    assert driver.task(driver.new(task_type, metadata=metadata))["metadata"] == metadata
