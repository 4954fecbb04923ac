"""Progress sent again under its own numbers, when PostgreSQL has taken over what was stored the first time.

That happens where Redis came back with older data: what it still had is stored for good, and the live
log begins anew above it.
"""

from tasktracker_server.core.entries import Entry
from tasktracker_server.core.log import Append, Appended
from tasktracker_server.core.replay import page_of
from tasktracker_server.service.ports import HistoryStore

_CHUNKS_READ = 4


async def as_first_time(histories: HistoryStore, one: Append, found: Appended) -> Appended:
    """The answer that the entries had the first time; SEQ_GAP where they are not stored by this attempt."""
    first = one.own_first or 0
    last = first + len(one.entries) - 1
    stored = await _stored(histories, one.task_id, first, last)
    if len(stored) == len(one.entries) and all(entry.attempt == found.attempt for entry in stored):
        return found._replace(kind="OK", first=first, last=last, ms=stored[-1].ms, number=found.attempt)
    return found._replace(kind="SEQ_GAP")


async def _stored(histories: HistoryStore, task_id: str, first: int, last: int) -> list[Entry]:
    """The stored entries with these numbers."""
    entries: list[Entry] = []
    reached = first - 1
    while reached < last:
        history = await histories.read(task_id, reached, _CHUNKS_READ)
        read = page_of(reached, None, history).entries if history is not None else []
        if not read:
            break
        reached = read[-1].seq_id
        entries += [entry for entry in read if entry.seq_id <= last]
    return entries
