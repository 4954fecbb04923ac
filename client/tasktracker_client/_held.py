"""A claimed task as its job and the threads that keep it share it."""

import threading
import time
from typing import Final

from tasktracker_client._errors import ApiError, CancelRequested, FencedOut, LeaseLost, TaskNotFound
from tasktracker_client._outbox import Batch, Outbox
from tasktracker_client._refs import Hold

_FIRST_PAUSE: Final = 0.2
_LONGEST_PAUSE: Final = 5.0


class Held:
    """One attempt at one task: its lease, its entries on the way, and whether it is wanted still."""

    def __init__(
        self,
        hold: Hold,
        lease_seconds: int,
        *,
        next_seq_id: int = 1,
        latest_seconds: float = 1.0,
        is_cancelled: bool = False,
    ) -> None:
        self.hold = hold
        self.lease_seconds = lease_seconds
        self.changed: Final = threading.Condition()
        self.outbox: Final = Outbox(next_seq_id, latest_seconds)
        self.is_cancelled: bool = is_cancelled
        self.is_ended: bool = False
        self._lost: str | None = None
        self._refused: ApiError | None = None
        self._is_sending = False
        self._failures = 0
        self._not_before = 0.0
        self._is_unheard = False
        self.lease_until: float = 0.0
        self.beat_at: float = 0.0
        self.renewed(time.monotonic())

    @property
    def loss(self) -> str | None:
        """Why this attempt is over, in the service's words."""
        return self._lost

    @property
    def is_lost(self) -> bool:
        """Whether the service said that this attempt is over."""
        return self._lost is not None

    @property
    def needs_a_word(self) -> bool:
        """Whether the lease has run out by this process's clock, and the service was not asked since.

        So it is for a process that was stopped or starved; where the service itself is away, it is known
        to be, and the lease is not judged by it.
        """
        return not (self._is_unheard or self.is_lost) and time.monotonic() > self.lease_until

    def renewed(self, sent_at: float) -> None:
        """The service extended the lease by a call sent then."""
        self.lease_until = max(self.lease_until, sent_at + self.lease_seconds)
        self.beat_at = sent_at + self.lease_seconds / 3
        self._is_unheard = False

    def unheard(self, now: float) -> None:
        """A heartbeat got no answer: another one soon."""
        self.beat_at = now + min(1.0, self.lease_seconds / 10)
        self._is_unheard = True

    def cancelled(self) -> None:
        """The service says that the task was cancelled."""
        with self.changed:
            self.is_cancelled = True
            self.changed.notify_all()

    def lost(self, reason: str) -> None:
        """The service says that this attempt is over."""
        with self.changed:
            self._lost = self._lost or reason
            self.changed.notify_all()

    def ended(self) -> None:
        """Nothing more is to be kept."""
        with self.changed:
            self.is_ended = True
            self.changed.notify_all()

    def check(self) -> None:
        """Raise what the job has to know: ``LeaseLost``, ``CancelRequested``, or why an entry was refused."""
        if self._lost is not None:
            raise LeaseLost(self._lost)
        if self.is_ended:
            raise RuntimeError(f"the job {self.hold.task_id} has ended")
        if self._refused is not None:
            refused, self._refused = self._refused, None
            raise refused
        if self.is_cancelled:
            raise CancelRequested(f"task {self.hold.task_id} was cancelled")

    def send_at(self) -> float | None:
        """The moment from which there is something to send."""
        due = self.outbox.due()
        return None if due is None or self.is_lost else max(due, self._not_before)

    def begin_sending(self) -> bool:
        """Become the one who sends; false while somebody else does."""
        with self.changed:
            if self._is_sending:
                return False
            self._is_sending = True
            return True

    def end_sending(self) -> None:
        """Let others send."""
        with self.changed:
            self._is_sending = False
            self.changed.notify_all()

    def acknowledged(self, batch: Batch, sent_at: float) -> None:
        """The service has stored these entries."""
        with self.changed:
            self.outbox.acknowledged(len(batch.entries))
            self._failures, self._not_before = 0, 0.0
            self.renewed(sent_at)
            self.changed.notify_all()

    def unanswered(self, batch: Batch) -> None:
        """These entries may be stored; they are sent again after a pause."""
        with self.changed:
            self.outbox.unanswered(len(batch.entries))
            self._failures += 1
            pause = min(_LONGEST_PAUSE, _FIRST_PAUSE * 2.0 ** min(self._failures, 10))
            self._not_before = time.monotonic() + pause

    def refused(self, batch: Batch, error: ApiError) -> None:
        """The service does not take these entries as they are."""
        with self.changed:
            expected = error.details.get("expectedSeqId")
            if isinstance(error, FencedOut | TaskNotFound):
                self._lost = self._lost or str(error)
            elif isinstance(expected, int):
                self.outbox.expected(expected)
            elif self.outbox.refused(len(batch.entries)):
                self._refused = self._refused or error
            self.changed.notify_all()
