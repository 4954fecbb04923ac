"""Progress entries on their way to the service, in order and numbered. Decisions only.

Entries are numbered when they are sent: the service takes the next number only, acknowledges one it has from
this attempt, and refuses any other, naming the number it expects. A batch is stored as a whole or not at
all, and one without an answer is sent again exactly as it was, alone: so its acknowledgement is about all of
it, and so is its refusal. Whatever answers are lost, each entry is stored once; and where the live store lost
some and the service jumped on, numbering goes on from there.
"""

from collections import deque
from dataclasses import dataclass
from itertools import islice
from typing import Final

from tasktracker_schema.limits import PROGRESS_ENTRIES_MAX

LINGER_SECONDS: Final = 0.01
"""How long an entry waits for company, or for the end of its job, which takes it along."""
BATCH_BYTES: Final = 512 * 1024
"""Half of the smallest body limit, that of the end of a task."""
FULL_ENTRIES: Final = 5_000
FULL_BYTES: Final = 4 * 1024 * 1024
"""From here on a job waits in its progress call until the service has caught up."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Entries to send next."""

    first_seq_id: int
    entries: list[bytes]

    def numbered(self) -> bytes:
        """The JSON array of them, each with its number."""
        first = self.first_seq_id
        return (
            b"[" + b",".join(_numbered(each, first + place) for place, each in enumerate(self.entries)) + b"]"
        )


def _numbered(entry: bytes, seq_id: int) -> bytes:
    head = b'{"seqId":%d' % seq_id
    return head + (b"}" if entry == b"{}" else b"," + entry[1:])


class Outbox:
    """What a job reported and the service has not acknowledged yet. Its owner holds a lock."""

    def __init__(self, next_seq_id: int, latest_seconds: float) -> None:
        self._next_seq_id = next_seq_id
        self._latest_seconds = latest_seconds
        self._entries: deque[bytes] = deque()
        self._bytes = 0
        self._since = 0.0
        self._latest: bytes | None = None
        self._latest_due = 0.0
        self._doubtful = 0
        """How many of the first entries were sent, in one batch, without an answer: they may be stored."""
        self._most = PROGRESS_ENTRIES_MAX
        """How many go at once; few after a refusal, until the entry that caused it is gone."""

    @property
    def is_full(self) -> bool:
        """Whether the job has to wait."""
        return len(self._entries) >= FULL_ENTRIES or self._bytes >= FULL_BYTES

    @property
    def is_empty(self) -> bool:
        """Whether everything was acknowledged."""
        return not self._entries and self._latest is None

    def is_all(self, batch: Batch) -> bool:
        """Whether nothing is left but this batch."""
        return len(batch.entries) == len(self._entries) and self._latest is None

    def __len__(self) -> int:
        return len(self._entries) + (self._latest is not None)

    def put(self, entry: bytes, now: float) -> None:
        """Add an entry, a JSON object; it will be sent, and behind a ``latest`` that came before it."""
        self._admit_latest(now)
        self._append(entry, now)

    def put_latest(self, entry: bytes) -> None:
        """Add an entry that a later one may replace until it is sent."""
        self._latest = entry

    def due(self) -> float | None:
        """The moment from which there is something to send, or ``None``."""
        if self._entries:
            return self._since + LINGER_SECONDS
        return None if self._latest is None else self._latest_due

    def batch(self, now: float, *, all_of_it: bool = False) -> Batch | None:
        """What to send next; it stays here until it is acknowledged."""
        if self._latest is not None and (all_of_it or now >= self._latest_due):
            self._admit_latest(now)
        entries: list[bytes] = []
        size = 0
        for entry in islice(self._entries, self._doubtful or self._most):
            size += len(entry) + 24
            if entries and size > BATCH_BYTES:
                break
            entries.append(entry)
        return Batch(self._next_seq_id, entries) if entries else None

    def acknowledged(self, count: int) -> None:
        """The first so many are stored."""
        for _ in range(count):
            self._bytes -= len(self._entries.popleft())
        self._next_seq_id += count
        self._doubtful = 0
        self._most = min(PROGRESS_ENTRIES_MAX, 2 * self._most)

    def unanswered(self, count: int) -> None:
        """The first so many may be stored."""
        self._doubtful = count

    def expected(self, seq_id: int) -> None:
        """The batch is not stored, and the service expects this number next: go on there."""
        self._next_seq_id = seq_id
        self._doubtful = 0

    def refused(self, count: int) -> bool:
        """A batch of so many was refused for one of its entries; whether that one is known, and gone now."""
        self._doubtful = 0
        if count > 1:
            self._most = count // 2
            return False
        self._bytes -= len(self._entries.popleft())
        self._most = 1  # the next one may be of its kind; every acknowledgement doubles it
        return True

    def _admit_latest(self, now: float) -> None:
        if self._latest is not None:
            self._append(self._latest, now)
            self._latest = None
            self._latest_due = now + self._latest_seconds

    def _append(self, entry: bytes, now: float) -> None:
        if not self._entries:
            self._since = now
        self._entries.append(entry)
        self._bytes += len(entry)
