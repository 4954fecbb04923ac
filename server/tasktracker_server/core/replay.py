"""Where a reader of a task's stream stands, and what it is sent next. Knows nothing of sockets or clocks.

The rule of gaps is the same for everybody: a hole before the next stored entry, or up to ``lost_to`` at
the end, is told once; it is derived from what is stored, so all readers agree.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from tasktracker_schema.status import is_terminal
from tasktracker_server.core import frames
from tasktracker_server.core.entries import Entry, iso, merge, parse_all
from tasktracker_server.core.histories import StoredHistory
from tasktracker_server.core.log import Read

_LAST_EVENT_ID = re.compile(r"([0-9]{1,10})(?:\.(completed|failed|timeout))?")


def parse_last_event_id(text: str | None) -> tuple[int, bool] | None:
    """The number in a ``Last-Event-ID`` and whether it is a final one; ``None`` where there is none.

    A malformed one counts as none: a browser cannot mend it.
    """
    match = _LAST_EVENT_ID.fullmatch(text.strip()) if text else None
    return (int(match[1]), match[2] is not None) if match else None


@dataclass(slots=True, frozen=True)
class Page:
    """The next entries after a cursor, as both stores told (the live log first)."""

    history: StoredHistory
    entries: list[Entry]
    more: bool
    """There is more to read before the cursor is up to date."""
    live_known: bool
    live_state: str
    live_last: int

    @property
    def terminal(self) -> bool:
        """The task has ended."""
        return is_terminal(self.history.status)

    @property
    def settled(self) -> bool:
        """The task has ended and its whole history is stored."""
        if not self.terminal or self.history.live_debt:
            return False
        return not self.live_state if self.live_known else bool(self.history.long_ended)

    @property
    def last(self) -> int:
        """The last number known to be given."""
        return max(self.history.history_upto, self.live_last)


def page_of(after: int, live: Read | None, history: StoredHistory) -> Page:
    """Merge a look at the live log and a later look at PostgreSQL into the next page after a cursor."""
    stored = parse_all(line for chunk in history.chunks for line in chunk.encode().split(b"\n"))
    stored = [entry for entry in stored if entry.seq_id > after]
    reached = stored[-1].seq_id if stored else after
    whole = reached >= history.history_upto
    entries, more = stored, not whole
    if whole and live is not None:
        entries = merge(stored, [entry for entry in parse_all(live.entries) if entry.seq_id > after])
        more = not live.complete
    return Page(
        history=history,
        entries=entries,
        more=more,
        live_known=live is not None,
        live_state=live.state if live is not None else "",
        live_last=live.last if live is not None and live.state else 0,
    )


@dataclass(slots=True)
class Cursor:
    """A reader's place in a task's stream."""

    task_id: str
    after: int
    """The last number sent, or skipped."""
    named: bool = True
    lifecycle: bool = False
    skipping: bool = False
    """History is left out, and where it ends is still to be found."""
    ended: bool = field(default=False, init=False)

    def dress(self, frame: bytes) -> bytes:
        """A frame as this reader wants it."""
        return frame if self.named else frames.unnamed(frame)

    def skip(self, page: Page) -> None:
        """Go to the end of the history, if this reader wants none of it and the page tells where that is."""
        if self.skipping and (page.live_known or page.terminal):
            lost = page.history.lost_to or 0
            self.after = max(page.last, lost if page.terminal else 0)
            self.skipping = False

    def replay(self, page: Page) -> Iterator[bytes]:
        """Frames of stored entries, gaps told; and of the end, where it is settled and all is sent."""
        if self.skipping:
            return
        for entry in page.entries:
            if entry.seq_id <= self.after:
                continue
            if entry.seq_id > self.after + 1:
                yield self._gap(entry.seq_id - 1, iso(entry.ms))
            yield self.dress(frames.progress(entry, self.task_id))
            self.after = entry.seq_id
        if not page.more and page.settled:
            yield from self._end(page.history)

    def _end(self, history: StoredHistory) -> Iterator[bytes]:
        if history.lost_to is not None and history.lost_to > self.after:
            yield self._gap(history.lost_to, history.updated_at.encode())
        envelope = frames.final_envelope(
            self.task_id,
            history.status,
            result=history.result,
            error=history.error,
            new_task_id=history.new_task_id,
            timestamp=history.updated_at,
        )
        yield self.dress(frames.final(history.history_upto, history.status, envelope))
        self.ended = True

    def _gap(self, upto: int, timestamp: bytes) -> bytes:
        first, self.after = self.after + 1, upto
        return self.dress(frames.gap(first, upto, self.task_id, timestamp))
