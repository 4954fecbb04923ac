"""Methods, headers and paths that every call shares."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from urllib.parse import urljoin

import httpx
import pytest

from .driver import TASKS, Driver, Held, unique
from .rawhttp import DEADLINE, Connection
from .shapes import REQUEST_ID, assert_error, assert_json


def test_a_given_request_id_is_kept(driver: Driver) -> None:
    given = "Aa0._-" + unique("r")

    answer = driver.read.get("/healthz", headers={"X-Request-Id": given})

    assert answer.headers["x-request-id"] == given


def test_an_error_tells_the_request_id_that_was_given(driver: Driver) -> None:
    answer = driver.read.get("/nope", headers={"X-Request-Id": "r" * 64})

    assert_error(answer, 404, "route_not_found")
    assert answer.json()["requestId"] == "r" * 64


@pytest.mark.parametrize("given", ["r" * 65, "a b", "a/b", "a:b", "ä", ""], ids=ascii)
def test_an_unfit_request_id_is_replaced(raw: Callable[[], Connection], given: str) -> None:
    answer = raw().exchange("GET", "/healthz", headers={"X-Request-Id": given})

    assert answer.status_code == 200
    assert REQUEST_ID.fullmatch(answer.headers["x-request-id"])
    assert answer.headers["x-request-id"] != given


def test_request_ids_that_are_made_differ(driver: Driver) -> None:
    made = {driver.read.get("/healthz").headers["x-request-id"] for _ in range(5)}

    assert len(made) == 5


@pytest.mark.parametrize(
    ("method", "path"), [("OPTIONS", TASKS), ("HEAD", "/healthz"), ("GET", f"{TASKS}/unknown-x")]
)
def test_every_answer_has_a_request_id(raw: Callable[[], Connection], method: str, path: str) -> None:
    answer = raw().exchange(method, path)

    assert REQUEST_ID.fullmatch(answer.headers["x-request-id"])


def test_answers_are_not_to_be_stored(driver: Driver, task_type: str, worker: str) -> None:
    answers = [
        driver.register(task_type, taskId=(task_id := unique())),
        driver.get(task_id),
        driver.claim(task_type, worker=worker),
        driver.complete(task_id),
        driver.complete(unique("unknown")),
        driver.read.get("/nope"),
    ]

    assert [answer.headers["cache-control"] for answer in answers] == ["no-store"] * len(answers)


def test_head_of_a_task_is_its_get_without_a_body(
    raw: Callable[[], Connection], driver: Driver, task_type: str
) -> None:
    task_id = driver.new(task_type)
    connection = raw()

    head = connection.exchange("HEAD", f"{TASKS}/{task_id}")
    get = connection.exchange("GET", f"{TASKS}/{task_id}")

    assert head.status_code == get.status_code == 200
    assert head.headers["content-type"] == get.headers["content-type"]
    assert get.json()["id"] == task_id


def test_head_of_an_unknown_task_is_404_without_a_body(raw: Callable[[], Connection]) -> None:
    connection = raw()

    head = connection.exchange("HEAD", f"{TASKS}/{unique('unknown')}")
    after = connection.exchange("GET", "/healthz")

    assert head.status_code == 404
    assert after.status_code == 200


def test_head_of_a_stream_opens_no_stream(held: Held, raw: Callable[[], Connection]) -> None:
    connection = raw()

    head = connection.exchange("HEAD", f"{TASKS}/{held.task_id}/track", headers={"Connection": "close"})

    assert head.status_code < 500
    assert connection.is_closed_by_peer()


@pytest.mark.parametrize("path", ["", "/claim", "/x", "/x/track", "/x/complete", "/timeouts/process"])
def test_options_is_204_everywhere(write: httpx.Client, path: str) -> None:
    answer = write.options(TASKS + path)

    assert answer.status_code == 204
    assert answer.content == b""


def test_one_trailing_slash_is_accepted(driver: Driver, task_type: str, worker: str) -> None:
    task_id = unique()

    registered = driver.write.post(f"{TASKS}/", json={"taskType": task_type, "taskId": task_id})
    claimed = driver.write.post(f"{TASKS}/claim/", json={"taskTypes": [task_type], "workerId": worker})
    read = driver.read.get(f"{TASKS}/{task_id}/")
    completed = driver.write.post(f"{TASKS}/{task_id}/complete/")

    assert registered.status_code == 201
    assert claimed.json()["id"] == task_id
    assert read.json()["status"] == "in_progress"
    assert completed.json()["status"] == "completed"


def test_one_trailing_slash_is_accepted_by_a_stream(held: Held) -> None:
    held.complete()

    with held.track("/") as stream:
        assert stream.status == 200


def test_location_leads_to_the_new_task(driver: Driver, task_type: str) -> None:
    answer = driver.register(task_type)

    place = urljoin(str(driver.read.base_url), answer.headers["location"])
    assert driver.read.get(place).json()["id"] == answer.json()["taskId"]


def test_two_requests_sent_together_are_answered_in_order(
    raw: Callable[[], Connection], driver: Driver, task_type: str
) -> None:
    first, second = driver.new(task_type), driver.new(task_type)
    connection = raw()

    connection.send(
        connection.compose("GET", f"{TASKS}/{first}") + connection.compose("GET", f"{TASKS}/{second}")
    )

    assert connection.answer().json()["id"] == first
    assert connection.answer().json()["id"] == second


def test_a_chunked_body_is_read(raw: Callable[[], Connection], task_type: str) -> None:
    text = json.dumps({"taskType": task_type}).encode()
    chunks = b"%x\r\n%s\r\n0\r\n\r\n" % (len(text), text)

    answer = raw().exchange("POST", TASKS, chunks, {"Transfer-Encoding": "chunked"})

    assert_json(answer, 201)


@pytest.mark.parametrize("length", ["abc", "-1", "1.5", "1e3"])
def test_a_senseless_content_length_is_a_bad_request(raw: Callable[[], Connection], length: str) -> None:
    connection = raw()

    connection.request("POST", TASKS, b"", {"Content-Length": length})
    status, _ = connection.head(time.monotonic() + DEADLINE)

    assert status == 400
