"""Progress entries: how they are stored, and the shapes they are shown in.

One entry is stored as ``number|milliseconds|attempt|{json}``, the same bytes in the live log and (joined
by newlines) in PostgreSQL, so that archiving a history copies it. The JSON never holds its own
``seqId`` and never a line break; both are seen to at the door.
"""

from collections.abc import Iterable
from datetime import UTC, datetime
from functools import lru_cache
from typing import NamedTuple


class Entry(NamedTuple):
    """One stored progress entry."""

    seq_id: int
    ms: int
    """When it was accepted, in milliseconds since 1970."""
    attempt: int
    data: bytes

    @classmethod
    def parse(cls, stored: bytes) -> "Entry":
        """Read one entry from its stored bytes."""
        seq_id, ms, attempt, data = stored.split(b"|", 3)
        return cls(int(seq_id), int(ms), int(attempt), data)

    @property
    def numbered(self) -> bytes:
        """``{"seqId":…, ...data}``."""
        if len(self.data) == 2:
            return b'{"seqId":%d}' % self.seq_id
        return b'{"seqId":%d,%b' % (self.seq_id, self.data[1:])

    @property
    def page_item(self) -> bytes:
        """``{"seqId":…,"timestamp":…,"data":{"seqId":…, ...data}}``."""
        return b'{"seqId":%d,"timestamp":"%b","data":%b}' % (self.seq_id, iso(self.ms), self.numbered)

    def envelope(self, task_id: str) -> bytes:
        """The ``progress`` event."""
        return b'{"event":"progress","data":%b,"taskId":"%b","timestamp":"%b"}' % (
            self.numbered,
            task_id.encode(),
            iso(self.ms),
        )


def iso(ms: int) -> bytes:
    """Milliseconds since 1970 as ``2026-01-31T12:00:00.123Z``."""
    seconds, rest = divmod(ms, 1000)
    return b"%b.%03dZ" % (_second(seconds), rest)


@lru_cache(maxsize=1024)
def _second(seconds: int) -> bytes:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S").encode()


def parse_all(stored: Iterable[bytes]) -> list[Entry]:
    """Read entries from their stored bytes."""
    return [Entry.parse(one) for one in stored]


def first_number(stored: bytes) -> int:
    """The number of a stored entry, or of the first of several joined."""
    return int(stored[: stored.index(b"|")])


def merge(stored: list[Entry], live: list[Entry]) -> list[Entry]:
    """Both in order of their numbers, each once; what stands in both is the same entry."""
    if not stored or not live:
        return stored or live
    last = stored[-1].seq_id
    return stored + [entry for entry in live if entry.seq_id > last]
