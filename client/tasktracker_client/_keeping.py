"""What keeps a claimed task: heartbeats, its entries, its end. Flows, for whichever driver takes them."""

import time
from collections.abc import Callable, Sequence
from typing import Final, TypeVar

from tasktracker_client import _api as api
from tasktracker_client._bulk import Refused
from tasktracker_client._bulk import heartbeat as bulk_heartbeat
from tasktracker_client._calls import Call, Flow, Repeat, Sleep, json_of, reader
from tasktracker_client._config import Retries
from tasktracker_client._errors import (
    ApiError,
    BadRequest,
    ConnectionFailed,
    FencedOut,
    LeaseLost,
    ProtocolError,
    RateLimited,
    SeqGap,
    ServerError,
    TaskNotFound,
)
from tasktracker_client._held import Held
from tasktracker_client._outbox import Batch
from tasktracker_client._refs import Hold
from tasktracker_client._retrying import perform
from tasktracker_schema.answers import Heartbeat, ReportedProgress

T = TypeVar("T")

ONCE: Final = Retries(attempts=1)
AWAY: Final = (ConnectionFailed, ServerError, RateLimited, ProtocolError)
"""What passes: the service, or the way to it, is not itself."""
END_SECONDS: Final = 600.0
"""How long an end is tried while the service is away, which lapses no lease."""
_END_PAUSE: Final = 3.0
_reported: Final = reader(ReportedProgress)


def send(held: Held) -> Flow[None]:
    """Send what is due of a job's progress; nothing where somebody else is at it."""
    if not held.begin_sending():
        return
    try:
        while (batch := _next(held)) is not None:
            if not (yield from _send(held, batch)):
                return
    finally:
        held.end_sending()


def _next(held: Held, *, all_of_it: bool = False) -> Batch | None:
    with held.changed:
        now, due = time.monotonic(), held.send_at()
        if held.is_lost or not (all_of_it or (due is not None and due <= now)):
            return None
        return held.outbox.batch(now, all_of_it=all_of_it)


def _send(held: Held, batch: Batch) -> Flow[bool]:
    sent_at = time.monotonic()
    try:
        answer = yield from perform(_progress(held.hold, batch), ONCE)
    except AWAY:
        held.unanswered(batch)
        return False
    except ApiError as error:
        held.refused(batch, error)
        return not held.is_lost
    held.acknowledged(batch, sent_at)
    if answer.cancel_requested:
        held.cancelled()
    return True


def _progress(hold: Hold, batch: Batch) -> Call[ReportedProgress]:
    body = b'{"workerId":%s,"attempt":%d,"progress":%s}' % (
        json_of(hold.worker_id),
        hold.attempt or 0,
        batch.numbered(),
    )
    return Call("POST", api.path_of(hold.task_id, "/progress"), _reported, Repeat.SAME, body)


def beat(held: Sequence[Held]) -> Flow[None]:
    """Extend these leases, in one call, and hear of each whether it is wanted still."""
    sent_at = time.monotonic()
    seconds = {each.lease_seconds for each in held}
    try:
        for lease_seconds in seconds:  # one, but for the keeper of several workers
            of_these = [each for each in held if each.lease_seconds == lease_seconds]
            outcomes = yield from bulk_heartbeat([each.hold for each in of_these], lease_seconds, ONCE)
            for each, outcome in zip(of_these, outcomes, strict=True):
                _heard(each, outcome.error if isinstance(outcome, Refused) else outcome.answer, sent_at)
    except (*AWAY, ApiError):
        now = time.monotonic()
        for each in held:
            each.unheard(now)


def _heard(held: Held, word: Heartbeat | ApiError, sent_at: float) -> None:
    if isinstance(word, Heartbeat):
        held.renewed(sent_at)
        if word.cancel_requested:
            held.cancelled()
    elif isinstance(word, FencedOut | TaskNotFound):
        held.lost(str(word))
    else:
        held.unheard(time.monotonic())


def end(
    held: Held,
    call_with: Callable[[Batch | None], Call[T]],
    *,
    takes_along: bool = True,
    patience: float = END_SECONDS,
) -> Flow[T]:
    """End a task; what it reported and was not sent goes before, the last of it in the same call.

    ``takes_along`` says whether that call takes entries; ``patience`` is in seconds. Raises ``LeaseLost``
    where this attempt is over, another ``ApiError`` where the end itself is refused, and what kept the
    service from answering when the patience is at its end.
    """
    until = time.monotonic() + patience
    while not held.begin_sending():
        yield Sleep(0.005)
    try:
        while True:
            batch = yield from _last(held, until, takes_along)
            if held.is_lost:
                held.check()
            result = yield from _end(held, batch, call_with(batch), until)
            if result is not None:
                return result
            takes_along = False
    finally:
        held.end_sending()


def _last(held: Held, until: float, takes_along: bool) -> Flow[Batch | None]:
    """Send all entries but those that fit into the end itself."""
    while (batch := _next(held, all_of_it=True)) is not None:
        with held.changed:
            if takes_along and held.outbox.is_all(batch):
                return batch
        if not (yield from _send(held, batch)) and not held.is_lost:
            if time.monotonic() > until:
                raise ConnectionFailed("the service was away for too long to take the job's progress")
            yield Sleep(_END_PAUSE / 3)
    return None


def _end(held: Held, batch: Batch | None, call: Call[T], until: float) -> Flow[T | None]:
    try:
        result = yield from _patiently(call, until)
    except (SeqGap, BadRequest):
        if batch is None:
            raise
        return None  # the end or its entries: sent apart, each is judged by itself
    except (FencedOut, TaskNotFound) as error:
        held.lost(str(error))
        raise LeaseLost(str(error)) from error
    held.ended()
    return result


def _patiently(call: Call[T], until: float) -> Flow[T]:
    retries = Retries(attempts=4)
    while True:
        try:
            return (yield from perform(call, retries))
        except AWAY:
            if time.monotonic() > until:
                raise
            yield Sleep(_END_PAUSE)
