"""A claimed task as its job and the threads that keep it share it."""

import threading
import time
from typing import Final

from tasktracker_client._config import Retries
from tasktracker_client._errors import (
    ApiError,
    BadRequest,
    CancelRequested,
    FencedOut,
    LeaseLost,
    TaskNotFound,
)
from tasktracker_client._refs import Hold
from tasktracker_client._working.outbox import Batch, Outbox

_PAUSES: Final = Retries(first_seconds=0.4, longest_seconds=5.0)


class JobEnded(RuntimeError):
    """The job was ended before: by its own code, by another thread of it, or by its worker."""


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
        lease_until: float = 0.0,
    ) -> None:
        self.hold = hold
        self.lease_seconds = lease_seconds
        # Taken in C, so that no KeyboardInterrupt falls between its taking and the block that gives it back;
        # a condition's own `with` has such a place.
        self.lock: Final = threading.RLock()
        self.changed: Final = threading.Condition(self.lock)
        self.outbox: Final = Outbox(next_seq_id, latest_seconds)
        self.is_cancelled: bool = is_cancelled
        self.is_ended: bool = False
        self._lost: str | None = None
        self._refused: ApiError | None = None
        self._sender: object = None
        self._failures = 0
        self._not_before = 0.0
        self._asked_at = 0.0
        self.lease_until: float = 0.0
        self.beat_at: float = 0.0
        self.renewed(lease_until - lease_seconds if lease_until else time.monotonic())

    @property
    def loss(self) -> str | None:
        """Why this attempt is over, in the service's words."""
        return self._lost

    @property
    def is_lost(self) -> bool:
        """Whether the service said that this attempt is over."""
        return self._lost is not None

    @property
    def untold(self) -> ApiError | None:
        """Why an entry was refused, where the job made no call since that would have told it."""
        return self._refused

    @property
    def needs_a_word(self) -> bool:
        """Whether the lease has run out by this process's clock, and the service was not asked since.

        So it is for a process that was stopped or starved; where the service itself is away it was asked,
        not long ago and in vain, and the lease is not judged by that.
        """
        now = time.monotonic()
        if now <= self.lease_until or self.is_lost:
            return False
        return not (self.lease_until < self._asked_at and now < self._asked_at + self.lease_seconds)

    def renewed(self, sent_at: float) -> None:
        """The service extended the lease by a call sent then."""
        self.lease_until = max(self.lease_until, sent_at + self.lease_seconds)
        self.beat_at = sent_at + self.lease_seconds / 3

    def unheard(self, sent_at: float) -> None:
        """A heartbeat sent then got no answer: another one soon."""
        self._asked_at = sent_at
        self.beat_at = time.monotonic() + min(1.0, self.lease_seconds / 10)

    def cancelled(self) -> None:
        """The service says that the task was cancelled."""
        with self.lock:
            self.is_cancelled = True
            self.changed.notify_all()

    def lost(self, reason: str) -> None:
        """This attempt is over."""
        with self.lock:
            self._lost = self._lost or reason
            self.changed.notify_all()

    def ended(self, last: Batch | None) -> None:
        """The task's end is recorded, with these entries: nothing more is to be kept."""
        with self.lock:
            self.is_ended = True
            if last is not None:
                self.outbox.acknowledged(len(last.entries))
            self.changed.notify_all()

    def check(self) -> None:
        """Raise what the job has to know: ``LeaseLost``, ``CancelRequested``, or why an entry was refused."""
        self.check_open()
        self.check_told()
        if self.is_cancelled:
            raise CancelRequested(f"task {self.hold.task_id} was cancelled")

    def check_told(self) -> None:
        """Raise, once, why an entry was refused that the job takes for reported."""
        with self.lock:
            refused, self._refused = self._refused, None
        if refused is not None:
            raise refused

    def check_open(self) -> None:
        """Raise ``LeaseLost`` or ``RuntimeError`` where nothing more can be done with it."""
        if self._lost is not None:
            raise LeaseLost(self._lost)
        if self.is_ended:
            raise JobEnded(f"the job {self.hold.task_id} has ended")

    def put(self, entry: bytes) -> bool:
        """Add an entry; whether that leaves the sender something to do earlier than it knew."""
        with self.lock:
            self.check_open()
            before = self.outbox.due()
            self.outbox.put(entry, time.monotonic())
            return before is None or (self.outbox.due() or 0.0) < before

    def put_latest(self, entry: bytes) -> bool:
        """The same for an entry that a later one may replace."""
        with self.lock:
            self.check_open()
            before = self.outbox.due()
            self.outbox.put_latest(entry)
            return before is None

    def send_at(self) -> float | None:
        """The moment from which there is something to send."""
        due = self.outbox.due()
        return None if due is None or self.is_lost or self.is_ended else max(due, self._not_before)

    def sender_at(self) -> float | None:
        """The same for whoever sends in the background; ``None`` while the job's end has the turn."""
        return self.send_at() if self._sender is None else None

    def begin_sending(self, sender: object) -> bool:
        """Become the one who sends; false while somebody else does."""
        with self.lock:
            if self._sender is not None:
                return False
            self._sender = sender
            return True

    def end_sending(self, sender: object) -> None:
        """Let others send, if it was this one who did."""
        with self.lock:
            if self._sender is sender:
                self._sender = None
                self.changed.notify_all()

    def acknowledged(self, batch: Batch, sent_at: float) -> None:
        """The service has stored these entries."""
        with self.lock:
            self.outbox.acknowledged(len(batch.entries))
            self._failures, self._not_before = 0, 0.0
            self.renewed(sent_at)
            self.changed.notify_all()

    def unanswered(self, batch: Batch) -> None:
        """These entries may be stored; they are sent again after a pause."""
        with self.lock:
            self._put_off(batch)

    def _put_off(self, batch: Batch) -> None:
        self.outbox.unanswered(len(batch.entries))
        self._failures += 1
        self._not_before = time.monotonic() + _PAUSES.pause(self._failures)

    def refused(self, batch: Batch, error: ApiError) -> bool:
        """The service does not take these entries as they are; false where that says nothing of them."""
        with self.lock:
            expected = error.details.get("expectedSeqId")
            if isinstance(error, FencedOut | TaskNotFound):
                self._lost = self._lost or str(error)
            elif isinstance(expected, int):
                if self._failures:  # numbered anew, and again not as the service expects
                    self._not_before = time.monotonic() + _PAUSES.pause(self._failures)
                self._failures += 1
                self.outbox.expected(expected)
            elif not isinstance(error, BadRequest):  # a key, or a way there, that is wrong just now
                self._put_off(batch)
                return False
            elif self.outbox.refused(len(batch.entries)):
                self._refused = self._refused or error
            self.changed.notify_all()
            return True
