"""What the client repeats and when, step by step: no sockets, no clocks."""

import math
import time
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasktracker_client import (
    ApiError,
    ConnectionFailed,
    OutcomeUnknown,
    ProtocolError,
    RateLimited,
    RegisteredTask,
    Retries,
    Unavailable,
    WrongStatus,
)
from tasktracker_client._calling import bulk
from tasktracker_client._calling.api import is_numbered, readiness
from tasktracker_client._calling.calls import Call, Repeat, Sleep, query_of, reader
from tasktracker_client._calling.driving import timeout_of
from tasktracker_client._calling.patience import Patience
from tasktracker_client._calling.retrying import perform
from tasktracker_client._config import DEFAULT_URL, config_of

RETRIES = Retries(attempts=3, first_seconds=1.0, longest_seconds=10.0)
CUT = httpx.ReadError("cut")
REFUSED = httpx.ConnectError("refused")


def call(repeat: Repeat, **fields: Any) -> Call[int]:
    return Call("POST", "/x", reader(int), repeat, **fields)


def answer(status: int, body: bytes = b"1", **headers: str) -> httpx.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx.Response(status, content=body, headers=named)


def refusal(status: int, code: str, **headers: str) -> httpx.Response:
    return answer(status, b'{"code":"%s","message":"no"}' % code.encode(), **headers)


def performed(
    wanted: Call[Any], answers: Iterable[Any], retries: Retries = RETRIES
) -> tuple[Any, int, list[float]]:
    """The value or exception, how often the call was sent, and the pauses."""
    flow, given_answers = perform(wanted, RETRIES), iter(answers)
    sends, pauses = 0, []
    told: Any = None
    try:
        while True:
            step = flow.send(told)
            if isinstance(step, Sleep):
                pauses.append(step.seconds)
                told = None
            else:
                sends += 1
                told = next(given_answers)
    except StopIteration as stop:
        return stop.value, sends, pauses
    except (ApiError, ConnectionFailed, ProtocolError) as error:
        return error, sends, pauses


@pytest.mark.parametrize("repeat", Repeat)
def test_an_answer_is_an_answer(repeat: Repeat) -> None:
    assert performed(call(repeat), [answer(200)]) == (1, 1, [])


@pytest.mark.parametrize("repeat", Repeat)
@pytest.mark.parametrize(
    "lost",
    [
        REFUSED,
        httpx.ConnectTimeout("slow"),
        httpx.PoolTimeout("busy"),
        refusal(503, "overloaded"),
        refusal(429, "rate_limited"),
    ],
    ids=str,
)
def test_what_was_never_done_is_sent_again(repeat: Repeat, lost: Any) -> None:
    assert performed(call(repeat), [lost, lost, answer(200)])[:2] == (1, 3)


def test_a_service_that_is_not_ready_says_so_by_an_answer() -> None:
    not_ready = answer(503, b'{"status":"unavailable","postgres":"unavailable","redis":"ok"}')
    told, sends, _ = performed(readiness(), [not_ready])

    assert (told.status, told.redis, sends) == ("unavailable", "ok", 1)
    foreign, sends, _ = performed(readiness(), [answer(503, b"<html>")] * 3)
    assert (foreign.code, sends) == ("http_503", 3)


def test_what_fails_halfway_carries_what_was_done_before() -> None:
    flow = bulk.cancel((f"t-{n}" for n in range(2_500)), None, Retries(attempts=1))
    one = (
        b'{"statusCode":200,"taskId":"t-%d","status":"failed","updatedAt":"2026-01-31T12:00:00.000Z",'
        b'"cancelRequested":true}'
    )
    done = b",".join(one % n for n in range(1_000))
    flow.send(None)
    flow.send(answer(200, b'{"results":[%s],"failedCount":0}' % done))
    with pytest.raises(Unavailable) as caught:
        flow.send(refusal(503, "postgres_unavailable"))

    assert [each.task_id for each in caught.value.outcomes] == [f"t-{n}" for n in range(1_000)]
    assert Unavailable(caught.value.refusal).outcomes == ()


_DOUBTFUL = [
    CUT,
    httpx.ReadTimeout("slow"),
    httpx.WriteError("cut"),
    httpx.RemoteProtocolError("cut"),
    httpx.DecodingError("no gzip"),
    refusal(503, "outcome_unknown"),
    refusal(500, "internal_error"),
    answer(502, b"<html>"),
    answer(503, b"<html>"),
    answer(504, b""),
    answer(520, b""),
]


@pytest.mark.parametrize("lost", _DOUBTFUL, ids=str)
def test_what_may_be_done_is_sent_again_only_where_that_is_safe(lost: Any) -> None:
    for repeat in (Repeat.READ, Repeat.SAME, Repeat.SETTLED):
        assert performed(call(repeat), [lost, answer(200)])[:2] == (1, 2)
    unknown, sends, pauses = performed(call(Repeat.NEVER), [lost])

    assert type(unknown) is OutcomeUnknown
    assert (sends, pauses) == (1, [])


@pytest.mark.parametrize("lost", _DOUBTFUL, ids=str)
def test_what_is_given_up_in_doubt_says_so_unless_it_changes_nothing(lost: Any) -> None:
    for repeat in (Repeat.SAME, Repeat.SETTLED):
        assert type(performed(call(repeat), [lost] * 3)[0]) is OutcomeUnknown
        assert type(performed(call(repeat), [lost, REFUSED, REFUSED])[0]) is OutcomeUnknown
    assert not isinstance(performed(call(Repeat.READ), [lost] * 3)[0], OutcomeUnknown)


def test_what_was_surely_not_done_is_given_up_as_what_it_was() -> None:
    assert type(performed(call(Repeat.SAME), [REFUSED] * 3)[0]) is ConnectionFailed
    assert type(performed(call(Repeat.NEVER), [refusal(503, "overloaded")] * 3)[0]) is Unavailable
    assert type(performed(call(Repeat.NEVER), [refusal(429, "rate_limited")] * 3)[0]) is RateLimited


@pytest.mark.parametrize("repeat", Repeat)
def test_a_refusal_is_not_repeated(repeat: Repeat) -> None:
    refused, sends, _ = performed(call(repeat), [refusal(409, "wrong_status")])

    assert (type(refused), sends) == (WrongStatus, 1)


def test_the_refusal_of_a_repeat_is_settled_and_only_that() -> None:
    seen: list[ApiError] = []

    def settle(error: ApiError, retries: Retries) -> Any:
        seen.append(error)
        return perform(call(Repeat.READ), retries)

    wanted = call(Repeat.SETTLED, settle=settle)
    assert type(performed(wanted, [refusal(409, "wrong_status")])[0]) is WrongStatus
    assert type(performed(wanted, [REFUSED, refusal(409, "wrong_status")])[0]) is WrongStatus
    assert seen == []
    assert performed(wanted, [CUT, refusal(409, "wrong_status"), CUT, answer(200, b"7")])[0] == 7
    assert [type(error) for error in seen] == [WrongStatus]


def test_a_refusal_that_settles_nothing_leaves_the_outcome_unknown() -> None:
    unsettled = call(Repeat.SETTLED, settle=lambda error, retries: None)
    for wanted in (unsettled, call(Repeat.SETTLED)):
        unknown, _, _ = performed(wanted, [CUT, refusal(409, "wrong_status")])
        assert type(unknown) is OutcomeUnknown
        assert isinstance(unknown.__cause__, WrongStatus)


def test_an_answer_that_is_none_is_told_as_such() -> None:
    """It passes, as other ways do not to reach the service; who wrote may have got there all the same."""
    for body in (b"<html>", b'"text"', b"", b"\xff"):
        foreign = answer(200, body)
        assert type(performed(call(Repeat.READ), [foreign] * 3)[0]) is ProtocolError
        assert performed(call(Repeat.SAME), [foreign, answer(200)])[0] == 1
        assert type(performed(call(Repeat.SAME), [foreign] * 3)[0]) is OutcomeUnknown
        assert type(performed(call(Repeat.NEVER), [foreign])[0]) is OutcomeUnknown


def test_pauses_grow_and_the_last_failure_has_none() -> None:
    _, sends, pauses = performed(call(Repeat.READ), [CUT] * 3)

    assert sends == 3
    assert [0.5 <= pauses[0] <= 1.0, 1.0 <= pauses[1] <= 2.0] == [True, True]
    assert len(pauses) == 2


def test_the_pause_that_was_asked_for_is_kept() -> None:
    _, _, pauses = performed(call(Repeat.READ), [refusal(503, "overloaded", Retry_After="7"), answer(200)])
    assert pauses == [7.0]


@pytest.mark.parametrize("asked", ["soon", "", "Wed, 21 Oct 2015 07:28:00 GMT", "-5", "nan"])
def test_a_pause_that_is_no_number_is_ones_own(asked: str) -> None:
    _, _, (pause,) = performed(
        call(Repeat.READ), [refusal(503, "overloaded", Retry_After=asked), answer(200)]
    )
    assert 0.5 <= pause <= 1.0


@given(
    failures=st.integers(1, 10_000),
    first=st.floats(0.0, 60.0),
    longest=st.floats(0.0, 600.0),
    asked=st.none() | st.floats(0.0, math.inf),
)
def test_pauses_have_bounds(failures: int, first: float, longest: float, asked: float | None) -> None:
    pause = Retries(first_seconds=first, longest_seconds=longest).pause(failures, asked)
    own = min(longest, first * 2.0 ** min(failures - 1, 30))

    assert 0.0 <= pause <= max(own, 60.0)
    assert pause >= own * 0.49
    assert asked is None or pause >= min(asked, 60.0)


def test_one_send_is_the_least() -> None:
    for attempts in (0, -1):
        with pytest.raises(ValueError, match="attempts"):
            Retries(attempts=attempts)


@pytest.mark.parametrize(
    "url",
    [
        "localhost:3002",
        "ftp://a",
        "http://",
        "http:///a",
        "http://a:port",
        "http://a?b=c",
        "http://a#b",
        "a",
        "http://a b:1",
        "http://a\nb",
        "http://[::1",
        "http://a:65536",
        "http://a:-1",
        "http://a/?",
        "http://a/#",
        "http://xn--a",
    ],
)
def test_what_is_no_address_of_http_is_refused_at_once(url: str) -> None:
    with pytest.raises(ValueError, match="base URL"):
        config_of(url, None, 30.0, None)


def test_an_address_is_shown_without_its_password_and_taken_without_line_ends() -> None:
    config = config_of("http://me:secret@a:1/base\n", None, 30.0, None)

    assert config.base_url == "http://me:secret@a:1/base"
    assert config.address == "http://a:1/base"
    with pytest.raises(ValueError, match="not shown"):
        config_of("ftp://me:secret@a", None, 30.0, None)


def test_a_socket_gets_a_time_however_little_is_left() -> None:
    patience = Patience("over", -5.0, Retries(), time.monotonic)
    for wait_seconds in (0.0, 20.0):
        hasty = patience.in_time(replace(call(Repeat.READ), wait_seconds=wait_seconds))
        assert 0 < hasty.at_most <= 2.0
    assert (timeout_of(-3.0).read or 0) > 0


def test_what_is_given_stands_above_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TASK_TRACKER_URL", raising=False)
    monkeypatch.delenv("TASK_TRACKER_API_KEY", raising=False)
    unset = config_of(None, None, 30.0, None)
    monkeypatch.setenv("TASK_TRACKER_URL", "http://env:1/base/")
    monkeypatch.setenv("TASK_TRACKER_API_KEY", "env-key\n")
    named = config_of(None, None, 30.0, 2)
    chosen = config_of("http://arg:2", "arg-key", 30.0, Retries(attempts=4))

    assert (unset.base_url, unset.api_key, unset.retries) == (DEFAULT_URL, None, Retries())
    assert (named.base_url, named.api_key, named.retries.attempts) == ("http://env:1/base", "env-key", 2)
    assert (chosen.base_url, chosen.api_key, chosen.retries.attempts) == ("http://arg:2", "arg-key", 4)
    assert named.headers["Authorization"] == "Bearer env-key"
    assert "Authorization" not in unset.headers


@pytest.mark.parametrize("key", ["a\nb", "schlüssel", "a\x00"])
def test_a_key_that_no_header_can_carry_is_refused_and_not_shown(key: str) -> None:
    with pytest.raises(ValueError, match="API key") as refused:
        config_of("http://a", key, 30.0, None)
    assert key not in str(refused.value)


@pytest.mark.parametrize(
    ("entries", "numbered"),
    [
        ({"seqId": 1}, True),
        ([{"seqId": 1}, {"seqId": 2}], True),
        ({"seqId": None}, False),
        ({}, False),
        ([{"seqId": 1}, {}], False),
        (({"seqId": 1},), False),
        (RegisteredTask, False),
        (None, False),
    ],
)
def test_entries_are_numbered_only_where_the_service_sees_it_so(entries: Any, numbered: bool) -> None:
    assert is_numbered(entries) is numbered


def test_queries() -> None:
    assert query_of(a=None) == ""
    assert query_of(a=[]) == "?"  # nothing but its mark, which the service reads as none
    assert query_of(a=True, b=[1, "x y"], c="+&") == "?a=true&b=1&b=x+y&c=%2B%26"
