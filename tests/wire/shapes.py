"""What answers look like: field sets, times and the one shape of every error."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from .driver import Json
from .sse import Frame

TASK_FIELDS = {
    "id", "taskType", "status", "metadata", "params", "result", "error", "progressHistory",
    "timeoutSeconds", "workerId", "originalTaskId", "retryCount", "createdAt", "updatedAt", "startedAt",
    "completedAt", "timeoutAt", "attempt", "maxAttempts", "priority", "runAt", "leaseExpiresAt",
    "maxRetries", "cancelRequestedAt", "newTaskId", "lastSeqId", "lastProgress",
}  # fmt: skip
ROW_FIELDS = TASK_FIELDS - {"progressHistory"}

PHRASES = {
    400: "Bad Request",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    409: "Conflict",
    415: "Unsupported Media Type",
}

every_ending = pytest.mark.parametrize(
    ("verb", "status"), [("complete", "completed"), ("fail", "failed"), ("timeout", "timeout")]
)

REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


def instant(value: Any) -> datetime:
    """A time as the service writes it: ISO 8601, UTC, milliseconds, `Z`."""
    assert isinstance(value, str), f"not a time: {value!r}"
    assert _INSTANT.fullmatch(value), f"not a time as promised: {value!r}"
    return datetime.strptime(value, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC)


def assert_json(answer: httpx.Response, status: int) -> Any:
    """A JSON answer with the headers that every one of them carries; returns what it says."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"].startswith("application/json")
    assert "no-store" in answer.headers["cache-control"]
    assert REQUEST_ID.fullmatch(answer.headers["x-request-id"])
    return answer.json()


def assert_error(answer: httpx.Response, status: int, code: str) -> Json:
    """The one shape of an error; returns its `details` (empty when there are none)."""
    error: Json = assert_json(answer, status)
    assert set(error) - {"details"} == {"statusCode", "error", "code", "message", "requestId"}
    assert error["code"] == code, error
    assert error["statusCode"] == status
    assert error["error"] == PHRASES.get(status, error["error"]) != ""
    assert isinstance(error["message"], str)
    assert error["message"].strip()
    assert error["requestId"] == answer.headers["x-request-id"]
    details = error.get("details", {})
    assert isinstance(details, dict)
    return details


def assert_wrong_status(answer: httpx.Response, status: str) -> None:
    """Refused because of the state the task is in."""
    assert assert_error(answer, 409, "wrong_status")["status"] == status


def numbers(entries: list[Json]) -> list[int]:
    """The seqIds of a progress history."""
    return [entry["seqId"] for entry in entries]


def frame_numbers(frames: list[Frame]) -> list[int]:
    """The seqIds of the progress frames among these."""
    return [frame.data["seqId"] for frame in frames if frame.envelope["event"] == "progress"]
