"""Repeats a call where that is safe. All decisions, no waiting: a driver sends and sleeps."""

from collections.abc import Generator
from typing import Any, Final

import httpx

from tasktracker_client._calling.calls import Answer, Call, Flow, Repeat, Sleep, T, error_from, is_foreign
from tasktracker_client._config import Retries
from tasktracker_client._errors import (
    ApiError,
    ConnectionFailed,
    OutcomeUnknown,
    ProtocolError,
    RateLimited,
    ServerError,
    TaskTrackerError,
)
from tasktracker_schema.errors import ErrorCode

AWAY: Final = (ConnectionFailed, ServerError, RateLimited, ProtocolError)
"""What passes: the service, or the way to it, is not itself."""
_NEVER_SENT: Final = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.ProxyError,
    httpx.LocalProtocolError,
    httpx.UnsupportedProtocol,
)
"""Failures before a byte of the request left."""


def perform(call: Call[T], retries: Retries) -> Flow[T]:
    """Send ``call`` until it is answered or given up.

    Raises an ``ApiError`` for a refusal, ``ConnectionFailed`` where nothing was ever answered, and
    ``OutcomeUnknown`` where in addition the call may have been carried out.
    """
    answer, _ = yield from performed(call, retries)
    return answer


def performed(call: Call[T], retries: Retries) -> Flow[tuple[T, bool]]:
    """The same, and whether an earlier send may have been carried out already."""
    is_doubtful = False
    for failures in range(1, retries.attempts + 1):
        answer = yield call
        outcome = read_answer(call, answer)
        if not isinstance(outcome, TaskTrackerError):
            return outcome, is_doubtful
        error = outcome
        if _is_refusal(error):
            return (yield from _refused(call, error, retries, is_doubtful)), is_doubtful
        is_doubtful = is_doubtful or _may_be_done(error)
        if is_doubtful and call.repeat is Repeat.NEVER:
            break
        if failures < retries.attempts:
            yield Sleep(retries.pause(failures, getattr(error, "retry_after", None)))
    raise _given_up(call, error, is_doubtful) from _cause(error)


def read_answer(call: Call[T], answer: Answer) -> T | TaskTrackerError:
    """What the call was answered, or the exception for what is no answer of the service."""
    if not isinstance(answer, httpx.Response):
        return failure_of_answer(answer)
    if not (answer.is_success or answer.status_code == call.also):
        return failure_of_answer(answer)
    try:
        return call.decode(answer.content)
    except ProtocolError as foreign:  # somebody else's, between here and the service
        return foreign if answer.is_success else failure_of_answer(answer)


def failure_of_answer(answer: Answer) -> TaskTrackerError:
    """The exception for what was not a success."""
    if isinstance(answer, httpx.Response):
        return error_from(answer)
    failure = ConnectionFailed(f"no answer{_place_of(answer)}: {str(answer) or type(answer).__name__}")
    failure.__cause__ = answer
    return failure


def _place_of(answer: httpx.RequestError | None) -> str:
    """Where it was asked, and a hint where nobody listens there."""
    try:
        url = answer.request.url if answer is not None else None
    except RuntimeError:  # an error without its request
        url = None
    if url is None:
        return ""
    hint = " (is the service running there?)" if isinstance(answer, httpx.ConnectError) else ""
    return f" from {url.copy_with(raw_path=b'/', userinfo=b'')}{hint}"


def _is_refusal(error: TaskTrackerError) -> bool:
    """Whether the service decided, so that sending the same again would change nothing."""
    return (
        isinstance(error, ApiError) and error.status < 500 and error.status != httpx.codes.TOO_MANY_REQUESTS
    )


def _may_be_done(error: TaskTrackerError) -> bool:
    """The service's own 503 promises that nothing was done; a proxy's may tell of an answer it lost."""
    if not isinstance(error, ApiError):
        return not isinstance(error.__cause__, _NEVER_SENT)
    is_promised = error.status == httpx.codes.SERVICE_UNAVAILABLE and not is_foreign(error)
    return error.status >= 500 and (not is_promised or error.code == ErrorCode.OUTCOME_UNKNOWN)


def _refused(
    call: Call[T], error: TaskTrackerError, retries: Retries, is_doubtful: bool
) -> Generator[Any, Answer, T]:
    if is_doubtful and call.repeat is Repeat.SETTLED and isinstance(error, ApiError):
        settled = call.settle(error, retries) if call.settle else None
        if settled is None:
            raise OutcomeUnknown(f"its answer was lost, and the repeat was refused: {error}") from error
        return (yield from settled)
    raise error


def _given_up(call: Call[Any], error: TaskTrackerError, is_doubtful: bool) -> TaskTrackerError:
    if is_doubtful and call.repeat is not Repeat.READ:
        return OutcomeUnknown(f"it may have been carried out: {error}")
    return error


def _cause(error: TaskTrackerError) -> BaseException | None:
    return error if isinstance(error, ApiError) else error.__cause__
