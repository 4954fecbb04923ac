"""How long to go on with a service that does not answer, and how soon to ask again. Decides, never waits."""

import math
import random
from collections.abc import Callable
from dataclasses import replace
from typing import Final

import httpx

from tasktracker_client._calling.calls import Call, Sleep, T
from tasktracker_client._calling.retrying import failure_of_answer
from tasktracker_client._config import Retries
from tasktracker_client._errors import (
    ApiError,
    ConnectionFailed,
    ProtocolError,
    ServerError,
    TrackInterrupted,
    WaitTimeout,
)

GIVE_UP_SECONDS: Final = 300.0
"""Without a word from the service for so long, what had been heard of before is given up."""
_GRACE_SECONDS: Final = 2.0
"""How late an answer may be beyond the caller's own time."""
STEADY_SECONDS: Final = 5.0
"""A connection that lived so long was a good one, even if it told nothing."""


class Interrupted(Exception):
    """The caller broke off a step, by a cancellation or Ctrl-C, and goes on now: nothing failed."""


class Patience:
    """What is left of a caller's time, and of the hope that the service comes back."""

    def __init__(self, over: str, timeout: float | None, retries: Retries, now: Callable[[], float]) -> None:
        self._over = over
        self._now = now
        self._retries = retries
        self._deadline = math.inf if timeout is None else now() + timeout
        self._opened = -math.inf
        self._heard: float | None = None
        self._failures = 0

    def opened(self) -> None:
        """A connection begins."""
        self._opened = self._now()

    def heard(self) -> None:
        """The service spoke; one that is cut off each time right after that is not called at once again."""
        self._heard = self._now()
        if self._heard - self._opened >= STEADY_SECONDS:
            self._failures = 0

    def told(self) -> None:
        """It told something new."""
        self._failures = 0

    @property
    def left(self) -> float:
        """Seconds until the caller's own time is over."""
        return self._deadline - self._now()

    def in_time(self, call: Call[T]) -> Call[T]:
        """The call, to be answered not much later than the caller's own time is over."""
        return replace(call, at_most=max(0.0, self.left - call.wait_seconds) + _GRACE_SECONDS)

    def check(self) -> None:
        """Raise ``WaitTimeout`` when the caller's own time is over."""
        if self.left <= 0:
            raise WaitTimeout(self._over)

    def ended(self) -> Sleep:
        """How long to wait after a stream that the service ended: drained, or at its lifetime's end."""
        self._failures += 1
        if self._failures > 1:
            return self._sleep(self._retries.pause(self._failures - 1))
        return self._sleep(random.uniform(0.0, 0.25))  # noqa: S311 - spreads callers, guards nothing

    def lost(self, error: Exception, after_seq_id: int | None = None) -> Sleep:
        """How long to wait before the next try; raises where there is no point in one.

        With ``after_seq_id`` it was a stream's, which says where it stood.
        """
        if isinstance(error, Interrupted):
            return Sleep(0.0)
        if isinstance(error, ApiError) and not isinstance(error, ServerError) and error.status != 429:
            raise error
        self._failures += 1
        if self._heard is None:
            if self._failures >= self._retries.attempts:
                raise _given_up(error)
        elif self._now() - self._heard > GIVE_UP_SECONDS:
            if after_seq_id is None:
                raise _given_up(error)
            raise TrackInterrupted(f"the stream was lost: {_said(error)}", after_seq_id) from error
        return self._sleep(self._retries.pause(self._failures, getattr(error, "retry_after", None)))

    def _sleep(self, seconds: float) -> Sleep:
        return Sleep(min(seconds, max(self.left, 0.0)))


def _given_up(error: Exception) -> Exception:
    if isinstance(error, ApiError | ConnectionFailed):
        return error
    if isinstance(error, httpx.RequestError):
        return failure_of_answer(error)
    failure = ProtocolError(str(error))
    failure.__cause__ = error
    return failure


def _said(error: Exception) -> str:
    return str(error) or type(error).__name__
