"""Promises about who holds a task: attempts, leases, and writes that come too late."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Final

from .finals import Finals
from .operations import ENDS, NEVER, WRITES, History, Operation, Take
from .violations import Told

SECOND: Final = 1_000_000_000
RENEWED_WITHIN: Final = 2 * SECOND
"""Progress extends a lease a moment after it was answered; what came later before a lease's end than this
is not counted on here."""
CLOCKS: Final = SECOND // 20
"""How far the database's clock and the callers' may be read apart."""


def each_attempt_is_given_once(history: History, finals: Finals) -> Iterator[Told]:
    """An attempt belongs to one claim or start; only a repeat by the same ``claimId`` sees it again."""
    for task_id, takes in history.takes.items():
        for one, other in pairwise(takes):
            same = one.attempt == other.attempt
            if same and (one.claim_id is None or _claimed_by(one) != _claimed_by(other)):
                yield task_id, f"attempt {one.attempt} was given to {one.by.id} and to {other.by.id}"


def _claimed_by(take: Take) -> tuple[str, str | None]:
    return take.worker_id, take.claim_id


def attempts_rise_in_time(history: History, finals: Finals) -> Iterator[Told]:
    """A higher attempt is never answered before a lower one was asked for, and none beyond the last."""
    for task_id, takes in history.takes.items():
        last = finals.rows[task_id].attempt if task_id in finals.rows else 0
        if takes[-1].attempt > last:
            yield task_id, f"attempt {takes[-1].attempt} was given, the row says {last}"
        higher_answered = NEVER
        for attempt in sorted({take.attempt for take in takes}, reverse=True):
            same = [take for take in takes if take.attempt == attempt]
            if any(take.sent > higher_answered for take in same):
                yield task_id, f"attempt {attempt} was asked for after a higher one was answered"
            higher_answered = min(higher_answered, *(take.done for take in same))


def every_attempt_was_asked_for(history: History, finals: Finals) -> Iterator[Told]:
    """Attempts rise by one: what nobody was told of, a claim or start without an answer has taken.

    Each unanswered call accounts for as many as it asked for. Unaccounted attempts are held against the calls
    that were sent before the attempt, or a higher one, was seen.
    """
    missing = sorted(_unseen_attempts(history, finals))
    asked = sorted(
        (one.sent, one.body.get("limit", 1))
        for one in history.operations
        if one.outcome == "unknown" and (one.claim is not None or one.verb == "start")
    )
    capacity, at = 0, 0
    for deadline, task_id, attempt in missing:
        while at < len(asked) and asked[at][0] < deadline:
            capacity, at = capacity + asked[at][1], at + 1
        capacity -= 1
        if capacity < 0:
            yield task_id, f"attempt {attempt} was taken, but no call is left that could have done it"
            capacity = 0


def _unseen_attempts(history: History, finals: Finals) -> Iterator[tuple[int, str, int]]:
    for row in finals.rows.values():
        seen = {take.attempt: take.done for take in reversed(history.takes.get(row.id, ()))}
        deadline = NEVER
        for attempt in range(row.attempt, 0, -1):
            if attempt in seen:
                deadline = min(deadline, seen[attempt])
            else:
                yield deadline, row.id, attempt


def stale_writes_are_refused(history: History, finals: Finals) -> Iterator[Told]:
    """A write sent after anybody was told of a higher attempt is not accepted."""
    for task_id, takes in history.takes.items():
        for write in history.accepted(task_id, *WRITES):
            newer = [t for t in takes if t.attempt > (write.attempt or 0) and t.done < write.sent]
            if newer:
                yield (
                    task_id,
                    f"{write.verb} {write.id} of attempt {write.attempt} was accepted although "
                    f"{newer[0].by.id} had been given attempt {newer[0].attempt} before it was sent",
                )


def nothing_is_accepted_from_whoever_handed_back(history: History, finals: Finals) -> Iterator[Told]:
    """After a release was answered the attempt writes nothing more; only the release can be repeated."""
    for task_id in history.by_task:
        handed_back = _first_answers(history.accepted(task_id, "release"))
        for write in history.accepted(task_id, "progress", "heartbeat", *ENDS):
            if handed_back.get(write.attempt, NEVER) < write.sent:
                yield (
                    task_id,
                    f"{write.verb} {write.id} was accepted after the release of {write.attempt}",
                )


def nothing_is_accepted_after_the_end(history: History, finals: Finals) -> Iterator[Told]:
    """After an end was answered no other write is accepted; only that end can be repeated."""
    for task_id in history.by_task:
        ends = history.accepted(task_id, *ENDS)
        if not ends:
            continue
        first = min(ends, key=lambda end: end.done)
        for write in history.accepted(task_id, *WRITES, "start"):
            if write.sent > first.done and (write.verb, write.attempt) != (first.verb, first.attempt):
                yield (
                    task_id,
                    f"{write.verb} {write.id} was accepted after {first.verb} {first.id}",
                )


def _first_answers(operations: list[Operation]) -> dict[int | None, int]:
    first: dict[int | None, int] = {}
    for operation in operations:
        first[operation.attempt] = min(first.get(operation.attempt, NEVER), operation.done)
    return first


def one_holder_at_a_time(history: History, finals: Finals) -> Iterator[Told]:
    """Nobody is given a task while another certainly holds it.

    A hold is certain from its taking until the holder may have given it up (the sending of an end or a
    release of its attempt), somebody may have timed the task out, or its lease or its time may be over.
    Whoever is answered with a higher attempt before that moment took it from a live holder.
    """
    for task_id, takes in history.takes.items():
        for take in takes:
            held_until = _certainly_held_until(take, history, finals)
            for later in takes:
                if later.attempt > take.attempt and later.done < held_until:
                    yield (
                        task_id,
                        f"{later.by.id} was given attempt {later.attempt} while {take.by.id} held attempt "
                        f"{take.attempt} for {(held_until - later.done) / SECOND:.3f} s more at least",
                    )


def _certainly_held_until(take: Take, history: History, finals: Finals) -> int:
    task_id = take.task_id
    ends = [one.sent for one in history.of(task_id, *ENDS, "release") if one.attempt == take.attempt]
    ends += [one.sent for one in history.of(task_id, "timeout")]
    if task_id in finals.rows:
        ends.append(finals.monotonic_ns(finals.rows[task_id].timeout_at) - CLOCKS)
    return min([*ends, _leased_until(take, history)])


def _leased_until(take: Take, history: History) -> int:
    """The earliest moment at which the lease can be over."""
    if take.lease_seconds is None:
        return NEVER
    lease = take.lease_seconds * SECOND
    until = take.sent + lease
    for sign in history.accepted(take.task_id, "heartbeat", "progress"):
        if sign.attempt == take.attempt and (sign.verb == "heartbeat" or sign.done < until - RENEWED_WITHIN):
            until = max(until, sign.sent + lease)
    return until


PROMISES: Final = (
    each_attempt_is_given_once,
    attempts_rise_in_time,
    every_attempt_was_asked_for,
    stale_writes_are_refused,
    nothing_is_accepted_from_whoever_handed_back,
    nothing_is_accepted_after_the_end,
    one_holder_at_a_time,
)
