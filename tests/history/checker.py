"""Holds a history against the promises.

Pure: what was recorded and what is left at the end goes in, violations come out.
"""

from __future__ import annotations

from collections import Counter
from typing import Final

from . import entries, holding, outcomes, resting
from .finals import Finals
from .operations import ENDS, WRITES, History
from .violations import Promise, Violation

PROMISES: Final[tuple[Promise, ...]] = (
    *holding.PROMISES,
    *outcomes.PROMISES,
    *entries.PROMISES,
    *resting.PROMISES,
)


def violations(history: History, finals: Finals) -> list[Violation]:
    """Every broken promise."""
    return [
        Violation(promise.__name__, task_id, what)
        for promise in PROMISES
        for task_id, what in promise(history, finals)
    ]


def counts(history: History, finals: Finals) -> dict[str, int]:
    """What the history went through: a run that never saw a stale write proves nothing about them."""
    codes = Counter(
        (one.answer or {}).get("code")
        for one in history.operations
        if one.outcome == "refused" and one.answer
    )
    later = [take for takes in history.takes.values() for take in takes if take.attempt > 1]
    return {
        "operations": len(history.operations),
        "tasks": len(finals.rows),
        "without an answer": sum(one.outcome == "unknown" for one in history.operations),
        "repeated": sum(one.repeats is not None for one in history.operations),
        "claims and starts": sum(len(takes) for takes in history.takes.values()),
        "later attempts": len(later),
        "stale writes refused": codes["stale_attempt"],
        "ends accepted": sum(one.verb in ENDS and one.outcome == "accepted" for one in history.operations),
        "writes accepted": sum(
            one.verb in WRITES and one.outcome == "accepted" for one in history.operations
        ),
        "entries stored": sum(map(len, finals.entries.values())),
        "retries": sum(row.original_task_id is not None for row in finals.rows.values()),
        "cancelled": sum(row.cancel_requested_at is not None for row in finals.rows.values()),
        **Counter(row.status for row in finals.rows.values()),
        **{f"refused {code}": count for code, count in sorted(codes.items(), key=str)},
    }
