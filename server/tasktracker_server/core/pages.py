"""One page of a task's history, gathered from as many reads as it takes. Knows nothing of stores or clocks.

The rule of gaps is that of streams: a hole before an entry, or up to ``lost_to`` at the end.
"""

from typing import Any

from msgspec import UNSET, Raw, UnsetType

from tasktracker_schema import limits
from tasktracker_schema.answers import LostEntries, ProgressPage
from tasktracker_server.core.replay import Page


class PageBuilder:
    """Takes what was read, in order, until the page is full or there is no more."""

    def __init__(self, task_id: str, after: int, limit: int) -> None:
        self._task_id = task_id
        self.after = after
        """The last number taken: read on from here."""
        self._limit = limit
        self._bytes = 0
        self._items: list[Raw] = []
        self._gaps: list[LostEntries] = []
        self._reached_end = False
        self.read: Page

    @property
    def room(self) -> int:
        """How many entries fit in."""
        return self._limit - len(self._items)

    def take(self, read: Page) -> bool:
        """Add the entries of a read; whether more are to be read."""
        self.read = read
        for entry in read.entries:
            item = entry.page_item
            if not self.room or (self._items and self._bytes + len(item) > limits.PROGRESS_PAGE_BYTES):
                return False
            self._note_gap(entry.seq_id - 1)
            self._items.append(Raw(item))
            self._bytes += len(item)
            self.after = entry.seq_id
        if read.more:
            return self.room > 0 and self._bytes < limits.PROGRESS_PAGE_BYTES
        self._reached_end = True
        if read.settled:
            self._note_gap(read.history.lost_to or 0)
        return False

    def _note_gap(self, upto: int) -> None:
        if upto > self.after:
            self._gaps.append(LostEntries(self.after + 1, upto))
            self.after = upto

    @property
    def is_final(self) -> bool:
        """Nothing will ever come after this page."""
        return self._reached_end and self.read.settled

    @property
    def tells(self) -> bool:
        """Whether there is anything in it that is worth an answer to somebody who would wait for it."""
        return bool(self._items) or bool(self._gaps) or self.is_final

    def answer(self) -> ProgressPage:
        """The page as callers see it."""
        history: Any = self.read.history  # opaque values are bytes here; see answers
        failed = self.is_final and history.status == "failed"
        gaps: list[LostEntries] | UnsetType = self._gaps or UNSET
        return ProgressPage(
            task_id=self._task_id,
            entries=self._items,  # type: ignore[arg-type]  # as JSON already
            last_seq_id=self.read.last if self.read.live_known or self.read.settled else None,
            status=history.status,
            final=self.is_final,
            result=history.result if self.is_final and history.status == "completed" else UNSET,
            error=history.error if failed else UNSET,
            new_task_id=history.new_task_id if failed else UNSET,
            gaps=gaps,
        )
