"""What keeps a claimed task: heartbeats, its entries, its end. Flows, for whichever driver takes them."""

import time
from collections.abc import Callable, Sequence
from typing import Final, TypeVar

from tasktracker_client._calling import api
from tasktracker_client._calling.bulk import Refused
from tasktracker_client._calling.bulk import heartbeat as bulk_heartbeat
from tasktracker_client._calling.calls import Call, Flow, Repeat, Sleep, json_of, reader
from tasktracker_client._calling.retrying import AWAY, perform
from tasktracker_client._config import Retries
from tasktracker_client._errors import (
    ApiError,
    BadRequest,
    ConnectionFailed,
    FencedOut,
    LeaseLost,
    OutcomeUnknown,
    SeqGap,
    TaskNotFound,
    TaskTrackerError,
)
from tasktracker_client._logging import logger
from tasktracker_client._refs import Hold
from tasktracker_client._working.held import Held, JobEnded
from tasktracker_client._working.outbox import Batch
from tasktracker_schema.answers import Heartbeat, ReleasedTask, ReportedProgress

T = TypeVar("T")

ONCE: Final = Retries(attempts=1)
END_SECONDS: Final = 600.0
"""How long an end is tried while the service is away, which lapses no lease."""
HASTE_SECONDS: Final = 5.0
"""For a release on the way out; if it does not get through, the lease lapses."""
_PAUSES: Final = Retries(first_seconds=0.2, longest_seconds=3.0)
_ASKING: Final = Retries(attempts=3, first_seconds=0.05)
_TURN_SECONDS: Final = 0.005
_reported: Final = reader(ReportedProgress)


def send(held: Held) -> Flow[None]:
    """Send a batch of what is due of a job's progress; nothing where somebody else is at it."""
    me = object()
    try:
        if held.begin_sending(me) and (batch := _next(held)) is not None:
            yield from _send(held, batch)
    finally:
        held.end_sending(me)


def _next(held: Held, *, all_of_it: bool = False) -> Batch | None:
    with held.lock:
        now, due = time.monotonic(), held.send_at()
        if held.is_lost or not (all_of_it or (due is not None and due <= now)):
            return None
        return held.outbox.batch(now, all_of_it=all_of_it)


def _send(held: Held, batch: Batch) -> Flow[TaskTrackerError | None]:
    """Send it once; why it has to be sent again as it is, if so."""
    sent_at = time.monotonic()
    try:
        answer = yield from perform(_progress(held.hold, batch), ONCE)
    except AWAY as error:
        held.unanswered(batch)
        return error
    except ApiError as error:
        return None if held.refused(batch, error) else error
    held.acknowledged(batch, sent_at)
    if answer.cancel_requested:
        held.cancelled()
    return None


def _progress(hold: Hold, batch: Batch) -> Call[ReportedProgress]:
    return write(hold, "progress", _reported, b'"progress":%s' % batch.numbered())


def write(hold: Hold, verb: str, read: Callable[[bytes], T], *members: bytes) -> Call[T]:
    """A call of this attempt, with these members of a JSON object; sent twice it has the effect of once."""
    head = b'"workerId":%s,"attempt":%d' % (json_of(hold.worker_id), hold.attempt or 0)
    body = b"{%s}" % b",".join((head, *members))
    return Call("POST", api.path_of(hold.task_id, f"/{verb}"), read, Repeat.SAME, body)


def beat(held: Sequence[Held]) -> Flow[None]:
    """Extend these leases, in one call, and hear of each whether it is wanted still."""
    yield from _beat(held, ONCE)


def ask(held: Held) -> Flow[None]:
    """The same for one whose job waits to hear it: a connection that broke is no answer yet."""
    yield from _beat([held], _ASKING)


def _beat(held: Sequence[Held], retries: Retries) -> Flow[None]:
    sent_at = time.monotonic()
    seconds = {each.lease_seconds for each in held}
    try:
        for lease_seconds in seconds:  # one, but for the keeper of several workers
            of_these = [each for each in held if each.lease_seconds == lease_seconds]
            outcomes = yield from bulk_heartbeat([each.hold for each in of_these], lease_seconds, retries)
            for each, outcome in zip(of_these, outcomes, strict=True):
                _heard(each, outcome.error if isinstance(outcome, Refused) else outcome.answer, sent_at)
    except (*AWAY, ApiError):
        for each in held:
            each.unheard(sent_at)


def _heard(held: Held, word: Heartbeat | ApiError, sent_at: float) -> None:
    if isinstance(word, Heartbeat):
        held.renewed(sent_at)
        if word.cancel_requested:
            held.cancelled()
    elif not isinstance(word, FencedOut | TaskNotFound):
        held.unheard(sent_at)
    elif not held.is_ended:  # or it crossed the end
        held.lost(str(word))


def end(
    held: Held,
    call_with: Callable[[Batch | None], Call[T]],
    *,
    takes_along: bool = True,
    is_success: bool = False,
    patience: float = END_SECONDS,
) -> Flow[T]:
    """End a task; what it reported and was not sent goes before, the last of it in the same call.

    ``takes_along`` says whether that call takes entries; ``patience`` is in seconds. Raises ``LeaseLost``
    where this attempt is over, another ``ApiError`` where the end itself is refused or, for a success, an
    entry before it was, and what kept the service from answering when the patience is at its end.
    """
    until = time.monotonic() + patience
    me = object()
    try:
        yield from _turn(held, me, until)
        while True:
            batch = yield from _last(held, until, takes_along)
            held.check_open()
            if is_success:
                held.check_told()
            result = yield from _end(held, batch, call_with(batch), until)
            if result is not None:
                return result
            takes_along = False
    finally:
        held.end_sending(me)


def _turn(held: Held, me: object, until: float) -> Flow[None]:
    """Wait for a batch that is on its way."""
    while not held.begin_sending(me):
        if time.monotonic() > until:
            raise ConnectionFailed("the service was away for too long to take the job's progress")
        yield Sleep(_TURN_SECONDS)
    held.check_open()


def _last(held: Held, until: float, takes_along: bool) -> Flow[Batch | None]:
    """Send all entries but those that fit into the end itself."""
    failures = 0
    while (batch := _next(held, all_of_it=True)) is not None:
        with held.lock:
            if takes_along and held.outbox.is_all(batch):
                return batch
        left = len(held.outbox)
        problem = yield from _send(held, batch)
        if problem is None and len(held.outbox) < left:
            failures = 0
            continue
        if problem is not None and not isinstance(problem, AWAY):
            raise problem
        failures += 1
        if time.monotonic() > until:
            raise ConnectionFailed("the service was away for too long to take the job's progress")
        yield Sleep(_PAUSES.pause(failures) if problem or failures > 1 else 0.0)  # numbered anew: at once
    return None


def _end(held: Held, batch: Batch | None, call: Call[T], until: float) -> Flow[T | None]:
    try:
        result = yield from _patiently(call, until)
    except (SeqGap, BadRequest):
        if batch is None:
            raise
        held.unanswered(batch)
        return None  # the end or its entries: sent apart, each is judged by itself
    except (FencedOut, TaskNotFound) as error:
        held.lost(str(error))
        raise LeaseLost(str(error)) from error
    held.ended(batch)
    _tell_left(held)
    return result


def _patiently(call: Call[T], until: float) -> Flow[T]:
    failures = 0
    doubt: TaskTrackerError | None = None
    while True:
        try:
            return (yield from perform(call, ONCE))
        except AWAY as error:
            failures += 1
            doubt = error if isinstance(error, OutcomeUnknown) else doubt
            pause = _PAUSES.pause(failures, getattr(error, "retry_after", None))
            if time.monotonic() + pause > until:
                raise doubt or error from error.__cause__
        yield Sleep(pause)


def _tell_left(held: Held) -> None:
    """What nobody will ask for any more can only be logged."""
    if held.untold is not None:
        logger.warning("an entry of task %s was refused: %s", held.hold.task_id, held.untold)
    if len(held.outbox):
        logger.warning("%d entries of task %s came behind its end", len(held.outbox), held.hold.task_id)


def release(held: Held, patience: float) -> Flow[ReleasedTask]:
    """Hand a task back, behind what it reported."""
    return end(held, lambda _: api.release(held.hold), takes_along=False, patience=patience)


def give_back(held: Sequence[Held]) -> Flow[None]:
    """Release what is still held, in haste: what does not get through lapses."""
    until = time.monotonic() + HASTE_SECONDS
    for each in held:
        if each.is_lost or each.is_ended:
            continue
        try:
            yield from release(each, max(0.0, until - time.monotonic()))
        except JobEnded:  # by its own code, just now
            continue
        except TaskTrackerError as error:
            logger.warning("task %s could not be released, its lease lapses: %s", each.hold.task_id, error)
