"""Bodies and queries: what is read, and how what is wrong is told."""

from datetime import UTC, datetime
from typing import Any

import pytest
from msgspec import Raw

from tasktracker_schema import names, requests
from tasktracker_schema.errors import ErrorCode
from tasktracker_server.core import opaque
from tasktracker_server.core.errors import TrackerError
from tasktracker_server.http.bodies import BodyReader, QueryReader

register = BodyReader(requests.RegisterTask, metadata=opaque.object_or_none, params=opaque.object_or_none)
complete = BodyReader(requests.CompleteTask, result=opaque.json_or_none)
claim = BodyReader(requests.ClaimTask)
track = QueryReader(requests.TrackQuery)

DEEP = 50_000
"""Nested so often that no Python's reader gets to its end."""


class Since(requests.Request, frozen=True, kw_only=True):
    created_after: names.Timestamp | None = None


def refusal(reader: Any, given: bytes | str) -> tuple[ErrorCode, str]:
    with pytest.raises(TrackerError) as refused:
        reader(given)
    return refused.value.code, refused.value.message


def test_a_missing_body_is_an_empty_object() -> None:
    assert complete(b"") == complete(b"{}")
    assert refusal(register, b"") == (ErrorCode.INVALID_REQUEST, "`$.taskType` is missing.")


def test_null_counts_as_absent() -> None:
    read = register(b'{"taskType":"a","taskId":null,"params":null,"metadata":{"a":null},"runAt":null}')

    assert (read.task_id, read.run_at) == (None, None)
    assert (bytes(read.params), bytes(read.metadata)) == (b"", b'{"a":null}')
    assert bytes(complete(b'{"result":null}').result) == b""
    assert bytes(complete(b"{}").result) == b""


def test_opaque_values_are_handed_on_as_they_were_sent() -> None:
    read = register(b'{"taskType":"a","params": { "b": 1.0 } ,"metadata":{}}')

    assert bytes(read.params) == b'{ "b": 1.0 }'
    assert bytes(complete(b'{"result": [1, 2]}').result) == b"[1, 2]"
    assert isinstance(read.params, Raw)


def test_unknown_fields_are_ignored() -> None:
    assert claim(b'{"taskTypes":["a"],"workerId":"w","x":{"y":[1e999]}}').worker_id == "w"


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"[]", "The body must be an object, not an array."),
        (b"null", "The body must be an object, not null."),
        (b'{"taskType":null}', "`$.taskType` must be a string, not null."),
        (b'{"taskType":5}', "`$.taskType` must be a string, not a number."),
        (b'{"taskType":""}', "`$.taskType` must have at least 1 character."),
        (b'{"taskType":"%s"}' % (b"x" * 129), "`$.taskType` must have at most 128 characters."),
        (b'{"taskType":"a\\nb"}', "`$.taskType` must not hold control characters."),
        (
            b'{"taskType":"a","taskId":"a b"}',
            "`$.taskId` must be 1 to 64 characters of A-Z a-z 0-9 _ . : @ ~ = -,",
        ),
        (b'{"taskType":"a","taskId":"claim"}', "`$.taskId` is refused: `claim` is a word of the API"),
        (b'{"taskType":"a","priority":1.5}', "`$.priority` must be a whole number, not a fraction."),
        (b'{"taskType":"a","priority":true}', "`$.priority` must be a whole number, not a boolean."),
        (b'{"taskType":"a","priority":40000}', "`$.priority` must be at most 32,767."),
        (b'{"taskType":"a","priority":%s}' % (b"9" * 5000), "`$.priority` is a number out of range."),
        (b'{"taskType":"a","runAt":"2026-01-31T12:00:00"}', "`$.runAt` must be a time with its offset"),
        (b'{"taskType":"a","runAt":"soon"}', "`$.runAt` must be a time as 2026-01-31T12:00:00Z"),
        (b'{"taskType":"a","params":"x"}', "`$.params` must be an object, not a string."),
        (b'{"taskType":"a","params":{"x":"\\u0000"}}', "`$.params` holds the character \\u0000"),
        (
            b'{"taskType":"a","params":{"x":["\\ud800"]}}',
            "`$.params.x[0]` holds \\ud800, half of a surrogate pair",
        ),
        (b'{"taskType":"a","params":{"\\ud800":1}}', "`$.params` holds \\ud800, half of a surrogate pair"),
        (b'{"taskType":"\\udc00"}', "`$.taskType` holds \\udc00, half of a surrogate pair"),
        (b'{"taskType":"\\ud800", oops', "`$.taskType` holds \\ud800, half of a surrogate pair"),
        (
            b'{"taskType":"a","params":{"x":%s%s}}' % (b"[" * 100, b"]" * 100),
            "`$.params` is nested deeper than 100",
        ),
        (b'{"x":%s%s}' % (b"[" * DEEP, b"]" * DEEP), "The body is nested too deep"),
        (
            b'{"taskType":"a","params":%s1%s}' % (b'{"a":' * DEEP, b"}" * DEEP),
            "The body is nested too deep",
        ),
    ],
)
def test_what_is_wrong_is_told_with_its_place(body: bytes, message: str) -> None:
    code, told = refusal(register, body)

    assert code == ErrorCode.INVALID_REQUEST
    assert told.startswith(message)
    assert told.endswith(".")


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b'{"taskTypes":[],"workerId":"w"}', "`$.taskTypes` must have at least 1 element."),
        (b'{"taskTypes":["a",1],"workerId":"w"}', "`$.taskTypes[1]` must be a string, not a number."),
        (b'{"taskTypes":"a","workerId":"w"}', "`$.taskTypes` must be an array, not a string."),
        (b'{"taskTypes":["a"],"workerId":"w","leaseSeconds":4}', "`$.leaseSeconds` must be at least 5."),
    ],
)
def test_places_in_arrays_are_told(body: bytes, message: str) -> None:
    assert refusal(claim, body) == (ErrorCode.INVALID_REQUEST, message)


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"a=1&b=2",
        b'{"taskType":"a"} x',
        b"\xef\xbb\xbf{}",
        b'{"taskType":"a","params":{"a":NaN}}',
        b" ",
        b"\x00",
        b'{"taskType":"\xff"}',
        b'{"taskType":"a","ignored":"\xff"}',
        b'{"taskType":"a","params":{"a":"\xed\xa0\x80"}}',
    ],
)
def test_what_is_not_json_in_utf8_is_invalid_json(body: bytes) -> None:
    code, _ = refusal(register, body)

    assert code == ErrorCode.INVALID_JSON


# Queries


def test_a_query_left_out_is_all_defaults() -> None:
    assert track("") == requests.TrackQuery()


@pytest.mark.parametrize(
    ("given", "value"),
    [
        ("true", True),
        ("TRUE", True),
        ("True", True),
        ("1", True),
        ("false", False),
        ("FaLsE", False),
        ("0", False),
    ],
)
def test_booleans_of_a_query(given: str, value: bool) -> None:
    assert track(f"named={given}").named is value


@pytest.mark.parametrize(
    ("query", "value"),
    [
        ("afterSeqId=5", 5),
        ("afterSeqId=1&afterSeqId=2", 2),
        ("x=1&&afterSeqId=%35&=&y", 5),
        ("afterSeqId=null", None),
        ("unknown=\xc3\xa9", None),
    ],
)
def test_numbers_of_a_query(query: str, value: int | None) -> None:
    assert track(query).after_seq_id == value


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("afterSeqId=abc", "`$.afterSeqId` must be a whole number, not 'abc'."),
        ("afterSeqId=", "`$.afterSeqId` must be a whole number, not ''."),
        ("afterSeqId=-1", "`$.afterSeqId` must be at least 0."),
        ("afterSeqId=" + "9" * 5000, "`$.afterSeqId` is a number out of range."),
        ("heartbeatSeconds=61", "`$.heartbeatSeconds` must be at most 60."),
        ("named=yes", "`$.named` must be true or false, not 'yes'."),
        ("named", "`$.named` must be true or false, not ''."),
        ("x=%zz", "The query has a % that is not followed by two hexadecimal digits; write %25."),
        ("x=1%", "The query has a % that is not followed by two hexadecimal digits; write %25."),
        ("x=%ff", "The query is not UTF-8."),
        ("x=\xff", "The query is not UTF-8."),
    ],
)
def test_what_is_wrong_with_a_query_is_told(query: str, message: str) -> None:
    assert refusal(track, query) == (ErrorCode.INVALID_REQUEST, message)


listed = QueryReader(requests.ListTasksQuery)


def test_only_lists_of_a_query_keep_every_value() -> None:
    read = listed("status=failed&taskType=a&status=pending&taskType=b&status=failed")

    assert read.status == ["failed", "pending", "failed"]
    assert read.task_type == "b"
    assert listed("status=timeout").status == ["timeout"]
    assert listed("limit=2").status is None


@pytest.mark.parametrize(
    ("query", "message"),
    [
        (
            "status=failed&status=done",
            "`$.status[1]` must be completed or failed or in_progress or pending or timeout, not 'done'.",
        ),
        ("fields=all", "`$.fields` must be full, not 'all'."),
        ("taskType=", "`$.taskType` must have at least 1 character."),
    ],
)
def test_what_is_wrong_with_a_list_of_a_query_is_told(query: str, message: str) -> None:
    assert refusal(listed, query) == (ErrorCode.INVALID_REQUEST, message)


def test_an_unescaped_plus_in_a_time_is_told() -> None:
    since = QueryReader(Since)

    assert since("createdAfter=2026-01-31T13:00:00%2B01:00").created_after == datetime(
        2026, 1, 31, 12, tzinfo=UTC
    )
    assert since("createdAfter=2026-01-31T12:00:00Z").created_after == datetime(2026, 1, 31, 12, tzinfo=UTC)
    assert "sent as %2B" in refusal(since, "createdAfter=2026-01-31T13:00:00+01:00")[1]
    assert "with its offset" in refusal(since, "createdAfter=2026-01-31T13:00:00")[1]


def test_a_list_in_a_query_is_its_name_repeated() -> None:
    events = QueryReader(requests.EventsQuery)

    assert events("taskId=a&taskType=t%2C1&taskId=b&progress=1").task_id == ["a", "b"]
    assert events("taskType=t%2C1").task_type == ["t,1"]
    assert events("progress=false&progress=1&taskId=a").progress is True, "of others the last one counts"
    assert "`$.taskId[1]`" in refusal(events, "taskId=a&taskId=b%20c")[1]
    assert "`$.taskId`" in refusal(events, "&".join(["taskId=a"] * 101))[1]
