"""The tasks that callers register, and what is written into them."""

from __future__ import annotations

import itertools
import random
from collections import deque
from datetime import UTC, datetime, timedelta
from typing import Final

from .record import Json

TYPES: Final = ("encode", "scan", "mail")
LEASE_SECONDS: Final = 5
"""The shortest there is."""
RECENT: Final = 300


class Names:
    """Ids and entries that nobody else in the run uses, and the ids that were registered lately."""

    def __init__(self, process: str, chance: random.Random) -> None:
        self._process = process
        self._chance = chance
        self._numbers = itertools.count()
        self.recent: deque[tuple[str, Json]] = deque(maxlen=RECENT)

    def new(self, prefix: str) -> str:
        """A name of its own."""
        return f"{prefix}-{self._process}-{next(self._numbers)}"

    def task(self) -> tuple[str, Json]:
        """A new task, as it is registered; a few of them are in a hurry, or late, or have their limits."""
        chance = self._chance
        body: Json = {"taskType": chance.choice(TYPES), "params": {"n": chance.randrange(1000)}}
        if chance.random() < 0.3:
            body["maxRetries"] = chance.choice((1, 2))
        if chance.random() < 0.1:
            body["maxAttempts"] = chance.choice((1, 2, 3))
        if chance.random() < 0.2:
            body["priority"] = chance.randint(-3, 3)
        if chance.random() < 0.03:
            body["timeoutSeconds"] = chance.choice((1, 2, 3))
        if chance.random() < 0.02:
            at = datetime.now(UTC) + timedelta(seconds=chance.uniform(0.1, 2))
            body["runAt"] = at.isoformat()
        named = (self.new("task"), body)
        self.recent.append(named)
        return named

    def any_recent(self) -> tuple[str, Json] | None:
        """Some task that was registered here lately."""
        return self._chance.choice(self.recent) if self.recent else None


class Holding:
    """A task in somebody's hands, as far as they know."""

    def __init__(self, task: Json, worker_id: str, names: Names, *, numbered: bool) -> None:
        self.task_id: str = task["id"]
        self.identity: Json = {"workerId": worker_id, "attempt": task["attempt"]}
        self._names = names
        last = task.get("lastSeqId", 0 if task["attempt"] == 1 else None)
        self._next: int | None = last + 1 if numbered and last is not None else None

    def entries(self, count: int) -> Json | list[Json]:
        """New entries, numbered if this holder numbers its own."""
        made: list[Json] = [{"e": self._names.new("e")} for _ in range(count)]
        if self._next is not None:
            for n, entry in enumerate(made, self._next):
                entry["seqId"] = n
        return made[0] if count == 1 else made

    def heard(self, status: int | None, body: Json) -> None:
        """What became of a report: the next number follows from it, or is not known any more."""
        if self._next is None:
            return
        if status == 200:
            self._next = body["seqId"] + 1
        else:
            self._next = body.get("details", {}).get("expectedSeqId")
