"""Values that could not be stored are refused at the door, wherever a caller may put a value."""

from __future__ import annotations

import json
import sys

import httpx
import pytest

from .driver import TASKS, Driver, Held, unique
from .shapes import assert_error


def nested(depth: int) -> bytes:
    """An object that is `depth` containers deep."""
    return b'{"a":' * (depth - 1) + b"{}" + b"}" * (depth - 1)


def nested_in_arrays(depth: int) -> bytes:
    return b'{"a":' + b"[" * (depth - 1) + b"]" * (depth - 1) + b"}"


HOSTILE = {
    "a byte that is no UTF-8": b'{"a":"\xff"}',
    "a cut UTF-8 sequence": b'{"a":"\xe2\x82"}',
    "an overlong UTF-8 sequence": b'{"a":"\xc0\xaf"}',
    "a surrogate in UTF-8": b'{"a":"\xed\xa0\x80"}',
    "a key that is no UTF-8": b'{"\xff":1}',
    "an escaped NUL": b'{"a":"x\\u0000y"}',
    "an escaped NUL in a key": b'{"x\\u0000y":1}',
    "an escaped NUL deep inside": b'{"a":[{"b":["\\u0000"]}]}',
    "a lone high surrogate": b'{"a":"\\ud800"}',
    "a lone low surrogate": b'{"a":"\\uDC00"}',
    "surrogates in the wrong order": b'{"a":"\\udc00\\ud800"}',
    "a lone surrogate in a key": b'{"\\ud83d":1}',
    "a number beyond a double": b'{"a":1e999}',
    "a negative number beyond a double": b'{"a":-1e999}',
    "an integer beyond a double": b'{"a":1' + b"0" * 400 + b"}",
    "a number just beyond a double": b'{"a":1.9e308}',
    "101 objects deep": nested(101),
    "101 arrays deep": nested_in_arrays(101),
    "9,000 objects deep": nested(9_000),
    "30,000 arrays deep": nested_in_arrays(30_000),
}
HARMLESS = {
    "100 objects deep": nested(100),
    "100 arrays deep": nested_in_arrays(100),
    "a surrogate pair": b'{"a":"\\ud83d\\ude00"}',
    "an escaped backslash before u0000": b'{"a":"\\\\u0000"}',
    "an escaped backslash before ud800": b'{"a":"\\\\ud800"}',
    "the other control characters": b'{"a":"\\u0001\\u001f\\u007f"}',
    "the largest double": b'{"a":%d}' % sys.float_info.max,
    "brackets in a string": b'{"a":"' + b"[{" * 500 + b'"}',
    "wide, not deep": b'{"a":[' + b",".join([b"[]"] * 500) + b"]}",
}
hostile = pytest.mark.parametrize("value", HOSTILE.values(), ids=HOSTILE.keys())
harmless = pytest.mark.parametrize("value", HARMLESS.values(), ids=HARMLESS.keys())


def with_value(field: str, value: bytes, **fields: object) -> bytes:
    """A body in which `field` holds exactly these bytes."""
    return json.dumps({**fields, field: "VALUE"}).encode().replace(b'"VALUE"', value)


def assert_refused(answer: httpx.Response) -> None:
    assert answer.json()["code"] in {"invalid_json", "invalid_request"}
    assert_error(answer, 400, answer.json()["code"])


@pytest.mark.parametrize("field", ["metadata", "params"])
@hostile
def test_a_registration_with_a_hostile_value_is_refused(
    driver: Driver, task_type: str, field: str, value: bytes
) -> None:
    task_id = unique()

    answer = driver.write.post(TASKS, content=with_value(field, value, taskType=task_type, taskId=task_id))

    assert_refused(answer)
    assert driver.get(task_id).status_code == 404


@pytest.mark.parametrize("field", ["metadata", "params"])
@harmless
def test_a_registration_with_a_harmless_value_is_accepted(
    driver: Driver, task_type: str, field: str, value: bytes
) -> None:
    answer = driver.write.post(TASKS, content=with_value(field, value, taskType=task_type))

    assert answer.status_code == 201, answer.text
    assert driver.task(answer.json()["taskId"])[field] == json.loads(value)


@pytest.mark.parametrize(("verb", "field"), [("complete", "result"), ("fail", "error")])
@hostile
def test_an_ending_with_a_hostile_value_is_refused_and_the_task_goes_on(
    held: Held, verb: str, field: str, value: bytes
) -> None:
    answer = held.driver.write.post(
        f"{TASKS}/{held.task_id}/{verb}", content=with_value(field, value, **held.identity)
    )

    assert_refused(answer)
    assert held.task()["status"] == "in_progress"


@pytest.mark.parametrize(("verb", "field"), [("complete", "result"), ("fail", "error")])
@harmless
def test_an_ending_with_a_harmless_value_is_accepted(held: Held, verb: str, field: str, value: bytes) -> None:
    answer = held.driver.write.post(f"{TASKS}/{held.task_id}/{verb}", content=with_value(field, value))

    assert answer.status_code == 200, answer.text
    assert held.task()[field] == json.loads(value)


@hostile
def test_progress_with_a_hostile_value_is_refused_and_nothing_is_appended(held: Held, value: bytes) -> None:
    answer = held.driver.write.post(
        f"{TASKS}/{held.task_id}/progress", content=with_value("progress", value, **held.identity)
    )

    assert_refused(answer)
    assert held.task()["progressHistory"] == []


@hostile
def test_a_hostile_entry_spoils_its_whole_array(held: Held, value: bytes) -> None:
    entries = b'[{"n":1},' + value + b',{"n":3}]'

    answer = held.driver.write.post(
        f"{TASKS}/{held.task_id}/progress", content=with_value("progress", entries)
    )

    assert_refused(answer)
    assert held.task()["progressHistory"] == []


@harmless
def test_harmless_progress_is_accepted_and_can_be_stored(held: Held, value: bytes) -> None:
    answer = held.driver.write.post(f"{TASKS}/{held.task_id}/progress", content=with_value("progress", value))
    assert answer.status_code == 200, answer.text

    assert held.complete().status_code == 200

    assert held.task()["progressHistory"] == [{"seqId": 1, **json.loads(value)}]


HOSTILE_NAMES = {
    "no UTF-8": b'"a\xff"',
    "a lone surrogate": b'"a\\ud800"',
    "an escaped NUL": b'"a\\u0000"',
    "a surrogate in UTF-8": b'"a\xed\xa0\x80"',
}
hostile_name = pytest.mark.parametrize("name", HOSTILE_NAMES.values(), ids=HOSTILE_NAMES.keys())


@pytest.mark.parametrize("field", ["taskType", "taskId"])
@hostile_name
def test_a_registration_with_a_hostile_name_is_refused(driver: Driver, field: str, name: bytes) -> None:
    body = with_value(field, name, **{"taskType": unique(), "taskId": unique(), field: None})

    assert_refused(driver.write.post(TASKS, content=body))


@pytest.mark.parametrize("field", ["taskTypes", "workerId", "claimId"])
@hostile_name
def test_a_claim_with_a_hostile_name_is_refused(driver: Driver, field: str, name: bytes) -> None:
    given = b"[" + name + b"]" if field == "taskTypes" else name
    body = with_value(field, given, **{"taskTypes": [unique()], "workerId": "w", field: None})

    assert_refused(driver.write.post(f"{TASKS}/claim", content=body))


@pytest.mark.parametrize("verb", ["start", "complete", "fail", "timeout", "progress", "release"])
@hostile_name
def test_a_verb_with_a_hostile_worker_id_is_refused(
    driver: Driver, task_type: str, verb: str, name: bytes
) -> None:
    task_id = driver.new(task_type)

    answer = driver.write.post(f"{TASKS}/{task_id}/{verb}", content=with_value("workerId", name, progress={}))

    assert_refused(answer)
    assert driver.task(task_id)["status"] == "pending"


def test_an_enormous_attempt_is_no_500(held: Held) -> None:
    answer = held.driver.complete(held.task_id, attempt=10**30)

    assert answer.status_code in {400, 409}
    assert held.task()["status"] == "in_progress"
