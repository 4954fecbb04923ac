"""Requests and answers on real connections: heads, limits, refusals, failures."""

import json
import logging
import re
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tasktracker_schema import answers, requests
from tasktracker_schema.errors import ErrorCode
from tasktracker_schema.routes import BASE_PATH as BASE
from tasktracker_server.core.errors import NotTaskWorker, PostgresUnavailable, TrackerError, WrongStatus
from tasktracker_server.http.options import HttpOptions
from unit.http_serving import Answering, Serving, serving, task
from wire.rawhttp import DEADLINE, Connection

LIMIT = 2_000
ARRAY_LIMIT = 5_000
DRAIN_LIMIT = 200_000


@pytest.fixture(scope="module")
def served() -> Iterator[Serving]:
    options = HttpOptions(body_limit=LIMIT, array_body_limit=ARRAY_LIMIT, drain_limit=DRAIN_LIMIT)
    with serving(options=options) as running:
        yield running


@pytest.fixture
def connection(served: Serving) -> Iterator[Connection]:
    with Connection(served.url) as opened:
        yield opened


def assert_error(answer: httpx.Response, status: int, code: str) -> dict[str, Any]:
    error: dict[str, Any] = answer.json()
    assert (answer.status_code, error["statusCode"], error["code"]) == (status, status, code)
    assert error["requestId"] == answer.headers["x-request-id"]
    assert set(error) - {"details"} == {"statusCode", "error", "code", "message", "requestId"}
    return error


def register(
    connection: Connection, size: int = 100, headers: dict[str, str] | None = None
) -> httpx.Response:
    body = json.dumps({"taskType": "a", "params": {"x": ""}})
    padded = body.replace('""', json.dumps("x" * (size - len(body)))).encode()
    assert len(padded) == size
    return connection.exchange("POST", BASE, padded, headers)


# Heads


def test_an_answer_carries_what_every_answer_carries(connection: Connection) -> None:
    answer = register(connection)

    assert answer.status_code == 201
    assert answer.headers["location"] == f"{BASE}/new"
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "no-store"
    assert int(answer.headers["content-length"]) == len(answer.content)
    assert re.fullmatch(r"\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT", answer.headers["date"])
    assert re.fullmatch(r"[0-9a-f]{16}", answer.headers["x-request-id"])


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/healthz"), ("GET", f"{BASE}/x"), ("POST", f"{BASE}/x/retry")]
)
def test_both_ways_to_write_an_answer_say_the_same(served: Serving, method: str, path: str) -> None:
    plain = served.connect().exchange(method, path, headers={"X-Request-Id": "r", "Connection": "Keep-Alive"})
    framed = served.connect().exchange(method, path, headers={"X-Request-Id": "r", "Connection": "close"})

    named = dict(framed.headers)
    assert named.pop("connection") == "close"
    assert {**plain.headers, "date": ""} == {**named, "date": ""}
    assert plain.content == framed.content


def test_a_connection_to_be_closed_is_closed(connection: Connection) -> None:
    connection.exchange("GET", "/healthz", headers={"Connection": "close"})

    assert connection.is_closed_by_peer()


def test_http_1_0_is_answered(connection: Connection) -> None:
    connection.send(b"GET /healthz HTTP/1.0\r\n\r\n")

    assert connection.answer().json() == {"status": "ok", "version": "1.2.3"}
    assert connection.is_closed_by_peer()


def test_http_1_0_may_stay_connected(connection: Connection) -> None:
    for _ in range(2):
        connection.send(b"GET /healthz HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
        assert connection.answer().headers["connection"] == "Keep-Alive"


def test_head_is_get_without_a_body(connection: Connection) -> None:
    head = connection.exchange("HEAD", f"{BASE}/x")
    get = connection.exchange("GET", f"{BASE}/x")

    assert head.status_code == 200
    assert head.headers["content-length"] == get.headers["content-length"] == str(len(get.content))


def test_options_is_204_with_the_methods(connection: Connection) -> None:
    answer = connection.exchange("OPTIONS", f"{BASE}/x")

    assert (answer.status_code, answer.content, answer.headers["allow"]) == (204, b"", "GET, HEAD, OPTIONS")
    assert "content-length" not in answer.headers
    assert connection.exchange("OPTIONS", "*").status_code == 204


def test_another_method_is_405_with_the_methods(connection: Connection) -> None:
    answer = connection.exchange("PATCH", BASE, b"{}")

    assert_error(answer, 405, "method_not_allowed")
    assert answer.headers["allow"] == "POST, GET, HEAD, OPTIONS"


@pytest.mark.parametrize("target", ["/nope", f"{BASE}/x/nope", "/%00", "/%ff?%zz"])
def test_an_unknown_path_is_a_json_404(connection: Connection, target: str) -> None:
    assert_error(connection.exchange("GET", target), 404, "route_not_found")


def test_an_impossible_id_names_the_field(connection: Connection) -> None:
    error = assert_error(connection.exchange("GET", f"{BASE}/a%20b"), 400, "invalid_request")

    assert "`taskId`" in error["message"]


@pytest.mark.parametrize("given", ["r", "A-b_c.9" + "x" * 57])
def test_a_fit_request_id_is_kept(connection: Connection, given: str) -> None:
    assert connection.exchange("GET", "/nope", headers={"X-Request-Id": given}).json()["requestId"] == given


@pytest.mark.parametrize("given", ["", "x" * 65, "a b", "\xe9", "a\tb"])
def test_an_unfit_request_id_is_replaced(connection: Connection, given: str) -> None:
    assert len(connection.exchange("GET", "/nope", headers={"X-Request-Id": given}).json()["requestId"]) == 16


# Calls


def test_each_call_is_passed_on(served: Serving, connection: Connection) -> None:
    def said(method: str, path: str, body: bytes | None = None) -> Any:
        answer = connection.exchange(method, f"{BASE}{path}", body)
        return answer.status_code, answer.json()

    assert said("POST", "", b'{"taskType":"a","taskId":"b"}')[1]["taskId"] == "b"
    assert said("POST", "/x/start")[1]["attempt"] == 1
    assert said("POST", "/x/complete", b"{}")[1]["status"] == "completed"
    assert said("POST", "/x/fail", b'{"error":{"a":1}}')[1]["newTaskId"] is None
    assert said("POST", "/x/timeout")[1]["status"] == "timeout"
    assert said("POST", "/x/release")[1]["message"] == "back"
    assert said("POST", "/x/retry")[0] == 201
    assert said("POST", "/timeouts/process") == (200, {"processedCount": 3})
    assert said("POST", "/claim", b'{"taskTypes":["a"],"workerId":"w"}') == (200, None)
    assert said("GET", "/x?progress=FALSE")[1]["result"] == {"withProgress": False}
    assert said("GET", "/x")[1]["result"] == {"withProgress": True}
    assert said("POST", "/x/progress", b'{"progress":[{"a":1},{}]}')[1]["seqId"] == 2
    assert [entry.data for entry in served.service.entries[-2:]] == [b'{"a":1}', b"{}"]


def test_a_readiness_that_is_not_is_503() -> None:
    service = Answering(readiness_now=answers.Readiness("unavailable", "unavailable", "ok"))
    with serving(service) as running:
        answer = running.connect().exchange("GET", "/readyz")

    assert answer.status_code == 503
    assert answer.json() == {"status": "unavailable", "postgres": "unavailable", "redis": "ok"}
    assert answer.headers["retry-after"] == "1"


def test_the_documentation_is_a_page_that_loads_nothing(connection: Connection) -> None:
    answer = connection.exchange("GET", "/docs")

    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert connection.exchange("GET", "/openapi.json").json()["info"]["version"] == "1.2.3"


@pytest.mark.parametrize("verb", ["complete", "fail", "progress", "release"])
def test_writes_of_workers_may_have_to_name_them(verb: str) -> None:
    with serving(options=HttpOptions(require_attempt=True)) as running:
        connection = running.connect()

        def said(**fields: Any) -> httpx.Response:
            body = json.dumps({"progress": {}, **fields}).encode()
            return connection.exchange("POST", f"{BASE}/x/{verb}", body)

        assert "`$.workerId`" in assert_error(said(attempt=1), 400, "attempt_required")["message"]
        assert "`$.attempt`" in assert_error(said(workerId="w"), 400, "attempt_required")["message"]
        assert said(workerId="w", attempt=1).status_code == 200


# Bodies


def test_a_body_at_the_limit_is_read_and_one_above_is_refused(connection: Connection) -> None:
    assert register(connection, LIMIT).status_code == 201
    assert_error(register(connection, LIMIT + 1), 413, "too_large")
    assert register(connection).status_code == 201, "the connection stays usable"


def test_calls_that_take_arrays_have_their_own_limit(connection: Connection) -> None:
    def report(size: int) -> httpx.Response:
        return connection.exchange("POST", f"{BASE}/x/progress", b'{"progress":{}}'.ljust(size))

    assert report(ARRAY_LIMIT).status_code == 200
    assert_error(report(ARRAY_LIMIT + 1), 413, "too_large")


def chunked(size: int) -> bytes:
    body = b'{"taskType":"a"}'.ljust(size)
    pieces = [body[at : at + 700] for at in range(0, size, 700)]
    return b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"


def test_a_chunked_body_is_held_to_the_limit_too(connection: Connection) -> None:
    def register_chunked(size: int) -> httpx.Response:
        return connection.exchange("POST", BASE, chunked(size), {"Transfer-Encoding": "chunked"})

    assert register_chunked(LIMIT).status_code == 201
    assert_error(register_chunked(LIMIT + 1), 413, "too_large")
    assert_error(register_chunked(DRAIN_LIMIT - 1000), 413, "too_large")
    assert register_chunked(LIMIT).status_code == 201


def test_a_body_beyond_all_reason_is_answered_at_once(connection: Connection) -> None:
    connection.send(connection.compose("POST", BASE, b"", {"Content-Length": str(10**12)}))

    answer = connection.answer()

    assert_error(answer, 413, "too_large")
    assert answer.headers["connection"] == "close"
    assert connection.is_closed_by_peer()


def test_such_an_answer_reaches_a_caller_who_is_still_sending(connection: Connection) -> None:
    answer = connection.exchange("POST", BASE, b" " * 3_000_000)

    assert_error(answer, 413, "too_large")


def test_a_chunked_body_without_end_is_answered(connection: Connection) -> None:
    connection.request("POST", BASE, None, {"Transfer-Encoding": "chunked"})
    for _ in range(4):
        connection.send(b"%x\r\n%b\r\n" % (70_000, b" " * 70_000))

    assert_error(connection.answer(), 413, "too_large")
    assert connection.is_closed_by_peer()


@pytest.mark.parametrize(
    ("method", "path", "headers", "status"),
    [
        ("POST", BASE, {"Content-Length": str(LIMIT + 1)}, 413),
        ("POST", "/nope", {"Content-Length": "5"}, 404),
        ("PUT", BASE, {"Content-Length": "5"}, 405),
        ("POST", BASE, {"Content-Length": "5", "Content-Encoding": "gzip"}, 415),
    ],
)
def test_a_refused_body_is_not_invited(
    connection: Connection, method: str, path: str, headers: dict[str, str], status: int
) -> None:
    connection.send(connection.compose(method, path, b"", {**headers, "Expect": "100-continue"}))

    told, _ = connection._one_head(time.monotonic() + DEADLINE)

    assert told == status


def test_an_accepted_body_is_invited(connection: Connection) -> None:
    body = b'{"taskType":"a"}'
    connection.send(connection.compose("POST", BASE, b"", {"Content-Length": "16", "Expect": "100-continue"}))
    told, _ = connection._one_head(time.monotonic() + DEADLINE)

    assert told == 100
    connection.send(body)
    assert connection.answer().status_code == 201


@pytest.mark.parametrize("encoding", ["gzip", "identity", "br, gzip", ""])
def test_a_content_encoding_is_415(connection: Connection, encoding: str) -> None:
    assert_error(register(connection, headers={"Content-Encoding": encoding}), 415, "unsupported_encoding")


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "nonsense"])
def test_a_body_is_json_whatever_it_calls_itself(connection: Connection, kind: str) -> None:
    assert register(connection, headers={"Content-Type": kind}).status_code == 201


def test_the_body_of_a_get_is_passed_over(connection: Connection) -> None:
    assert connection.exchange("GET", "/healthz", b"\xff{").status_code == 200


@pytest.mark.parametrize(
    "head",
    [
        b"GARBAGE",
        b"GET / HTTP/9.9.9",
        b"GET /healthz HTTP/1.1\r\nX",
        b"GET /healthz HTTP/1.1\r\nContent-Length: x",
        b"POST /x HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked",
        b"GET / HTTP/1.1\r\nA: \x00",
    ],
)
def test_what_is_not_http_is_a_bare_400(connection: Connection, head: bytes) -> None:
    connection.send(head + b"\r\n\r\n")

    assert connection.answer().status_code in {400, 404}


# Failures


class Refusing(Answering):
    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error

    async def complete(
        self, task_id: str, wanted: requests.CompleteTask, last: object = (), /
    ) -> answers.EndedTask:
        raise self.error


def answer_of(error: Exception) -> httpx.Response:
    with serving(Refusing(error)) as running:
        return running.connect().exchange("POST", f"{BASE}/x/complete", headers={"X-Request-Id": "mine"})


def test_a_refusal_is_told_with_its_details() -> None:
    error = assert_error(answer_of(WrongStatus("no", details={"status": "failed"})), 409, "wrong_status")

    assert (error["message"], error["error"], error["details"]) == ("no", "Conflict", {"status": "failed"})


def test_a_refusal_without_details_has_none() -> None:
    assert "details" not in assert_error(answer_of(NotTaskWorker("no")), 403, "not_task_worker")


def test_an_outage_says_when_to_come_back(caplog: pytest.LogCaptureFixture) -> None:
    answer = answer_of(PostgresUnavailable())

    assert_error(answer, 503, "postgres_unavailable")
    assert answer.headers["retry-after"] == "1"
    (record,) = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert vars(record)["action"] == "complete"
    assert vars(record)["request_id"] == "mine"


def test_a_failure_of_ours_shows_nothing_and_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    error = assert_error(answer_of(KeyError("secret")), 500, "internal_error")

    assert "secret" not in str(error)
    (record,) = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert vars(record)["request_id"] == "mine"
    assert record.exc_info is not None


@pytest.mark.parametrize("code", list(ErrorCode))
def test_every_code_has_an_answer(code: ErrorCode) -> None:
    class Refused(TrackerError):
        pass

    Refused.code = code
    answer = answer_of(Refused("no"))

    assert_error(answer, code.http_status, code)
    assert ("retry-after" in answer.headers) is (code.http_status in {429, 503})


def test_slow_answers_are_logged(caplog: pytest.LogCaptureFixture) -> None:
    with serving(options=HttpOptions(slow_seconds=0.0)) as running:
        running.connect().exchange("GET", f"{BASE}/x")

    assert any("get answered 200" in record.getMessage() for record in caplog.records)


def test_usual_answers_are_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    with serving() as running:
        running.connect().exchange("GET", f"{BASE}/x")

    assert [record for record in caplog.records if record.name.startswith("tasktracker_server.http")] == []


def test_a_long_answer_arrives_whole() -> None:
    class Long(Answering):
        async def get(self, task_id: str, with_progress: bool, /) -> answers.Task:
            return task(result="x" * 5_000_000)

    with serving(Long()) as running:
        connection = running.connect()
        for headers in ({}, {"Connection": "close"}):
            assert len(connection.exchange("GET", f"{BASE}/x", headers=headers).json()["result"]) == 5_000_000


def test_a_silent_connection_is_closed_after_a_while() -> None:
    with serving(options=HttpOptions(idle_timeout=0.2)) as running:
        unused, used, halfway = running.connect(), running.connect(), running.connect()
        used.exchange("GET", "/healthz")
        halfway.send(b"POST /x HTTP/1.1\r\nContent-Length: 10\r\n\r\nabc")

        assert unused.is_closed_by_peer()
        assert used.is_closed_by_peer()
        assert halfway.is_closed_by_peer()
