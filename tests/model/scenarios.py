"""The casts that the protocol is checked with: small, each exhaustive, together everything that can meet."""

from __future__ import annotations

from model.scenario import Scenario
from model.state import Actor, Budget, Ender, Reader, Shift, Writer


def writer(number: int, attempt: int = 1, entries: int = 1) -> Writer:
    """A worker's process that appends ``entries`` entries; ``attempt`` 0 is a caller that names none."""
    return Writer(f"writer {number}", attempt, entries)


def ender(number: int, attempt: int = 1) -> Ender:
    """A process that calls complete; ``attempt`` 0 is the timeout sweep."""
    return Ender(f"ender {number}", attempt)


def helper(number: int) -> Ender:
    """Janitor, debt sweep, GET or tracker: runs finish() on a row that has ended."""
    return Ender(f"helper {number}", step="look")


LAPSE = Shift("lapse", 1, "lapse")
CLAIM = Shift("claim", 2, "claim")
READER = Reader("reader")


def _cast(name: str, *actors: Actor, block: int = 2, page: int = 9, **faults: int) -> Scenario:
    return Scenario(name, actors, Budget(**faults), block, page)


FIRST_SEEDS = _cast("two first seeds race an end", writer(1), writer(2), ender(1), helper(1), crashes=1)
TWO_ENDS = _cast("two ends", writer(1, entries=2), ender(1), ender(2, 0), helper(1), crashes=1)
HANDOVER = _cast("handover", writer(1, entries=2), LAPSE, CLAIM, writer(2, 2), ender(1, 2), verifies=1)
FLUSHED_AT_END = _cast(
    "flushed at an end", writer(1, entries=2), ender(1), helper(1), helper(2), flushes=1, crashes=1
)
OLDER_AT_END = _cast("older at an end", writer(1, entries=2), ender(1), helper(1), restarts=1, crashes=1)
AWAY_AT_END = _cast("away at an end", writer(1, entries=2), ender(1), helper(1), helper(2), aways=2)
AWAY_THEN_FLUSHED = _cast("away, then flushed", writer(1, entries=2), ender(1), helper(1), aways=2, flushes=1)
LONG_REST = _cast(
    "long rest", writer(1, entries=3), ender(1), helper(1), block=3, page=1, crashes=1, flushes=1
)
READ = _cast("a reader", writer(1, entries=2), ender(1), helper(1), READER, crashes=1)

SCENARIOS = [
    FIRST_SEEDS,
    TWO_ENDS,
    HANDOVER,
    FLUSHED_AT_END,
    OLDER_AT_END,
    AWAY_AT_END,
    AWAY_THEN_FLUSHED,
    LONG_REST,
    READ,
    _cast("ticket expires", writer(1), writer(2), ender(1), expiries=1),
    _cast("tiny blocks", writer(1, entries=2), writer(2, entries=2), ender(1), block=1),
    _cast("tiny blocks, flushed", writer(1, entries=2), writer(2), ender(1), block=1, flushes=1),
    _cast("tiny blocks, older", writer(1, entries=2), writer(2), block=1, restarts=1),
    _cast("tiny blocks, handover", writer(1, entries=2), LAPSE, CLAIM, writer(2, 2, 2), block=1, verifies=1),
    _cast("handover, two ends", writer(1), LAPSE, CLAIM, writer(2, 2), ender(1), ender(2, 2)),
    _cast("handover, a nameless writer", writer(1, 0, 2), LAPSE, CLAIM, writer(2, 2), verifies=1),
    _cast("handover, flushed", writer(1), LAPSE, CLAIM, writer(2, 2), ender(1, 2), flushes=1),
    _cast("handover, older", writer(1), LAPSE, CLAIM, writer(2, 2), restarts=1, verifies=1),
    _cast("handover, away", writer(1, entries=2), LAPSE, CLAIM, writer(2, 2), aways=2, verifies=1),
    _cast("older while verifying", writer(1), writer(2), restarts=1, verifies=1),
    _cast("older, two writers", writer(1, entries=2), writer(2), ender(1), restarts=1),
    _cast("older, two ends", writer(1, entries=2), ender(1), ender(2, 0), restarts=1),
    _cast("flushed, two ends", writer(1, entries=2), ender(1), ender(2, 0), flushes=1, crashes=1),
    _cast("flushed and older", writer(1, entries=2), ender(1), flushes=1, restarts=1),
    _cast("away, then older", writer(1, entries=2), ender(1), helper(1), aways=1, restarts=1),
    _cast("long rest, away", writer(1, entries=3), ender(1), helper(1), block=3, page=1, aways=2, flushes=1),
    _cast("a reader, older", writer(1, entries=2), ender(1), READER, restarts=1),
    _cast("a reader, flushed", writer(1, entries=2), ender(1), READER, flushes=1),
]

LARGE = [
    _cast("flushed twice", writer(1, entries=2), writer(2), ender(1), flushes=2),
    _cast("older twice", writer(1, entries=3), ender(1), restarts=2),
    _cast("three writers", writer(1), writer(2), writer(3), ender(1), flushes=1),
    _cast("handover, older, ended", writer(1), LAPSE, CLAIM, writer(2, 2), ender(1, 2), restarts=1),
    _cast("handover, away, flushed", writer(1), LAPSE, CLAIM, writer(2, 2), ender(1, 0), aways=1, flushes=1),
    _cast(
        "handover, ticket expires",
        writer(1),
        LAPSE,
        CLAIM,
        writer(2, 2),
        ender(1, 0),
        expiries=1,
        verifies=1,
    ),
    _cast(
        "long rest, older",
        writer(1, entries=3),
        ender(1),
        helper(1),
        helper(2),
        block=3,
        page=1,
        crashes=1,
        restarts=1,
    ),
    _cast(
        "handover, flushed, older",
        writer(1),
        LAPSE,
        CLAIM,
        writer(2, 2),
        ender(1, 2),
        helper(1),
        flushes=1,
        restarts=1,
        crashes=1,
    ),
]
