"""Follows one task through cuts, restarts and proxies that hold a stream back. Decisions only.

``follow`` asks a driver for its steps: open the stream, read a frame of it, make a call, sleep, or hand an
event to whoever iterates. A driver closes the stream before any step but reading and handing on. Where the
stream stays silent although the service was asked for a heartbeat every two seconds, something between
buffers it; the progress page that waits tells the same.
"""

import math
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, TypeAlias, cast

import httpx
from msgspec import UNSET

from tasktracker_client._calling import api
from tasktracker_client._calling.calls import Call, Sleep, error_from, query_of
from tasktracker_client._calling.patience import Interrupted, Patience
from tasktracker_client._config import Retries
from tasktracker_client._errors import ApiError, ProtocolError
from tasktracker_client._events import (
    Gap,
    Lifecycle,
    Progress,
    StatusChange,
    TrackEvent,
    progress_of,
    read_event,
)
from tasktracker_schema.answers import ProgressPage, Task
from tasktracker_schema.limits import SEQ_ID_MAX
from tasktracker_schema.status import FinalStatus

HEARTBEAT_SECONDS: Final = 2
SILENCE_SECONDS: Final = 6.0
"""Three heartbeats missed: nothing comes through."""
PAGE_WAIT_SECONDS: Final = 20
STREAM_AGAIN_SECONDS: Final = 60.0
"""How long pages are read before the stream is tried again; doubled each time it stays mute."""


@dataclass(frozen=True, slots=True)
class OpenStream:
    """Open this stream. Answer: the response's head, whatever its status, or what went wrong."""

    path: str
    silence_seconds: float
    on_bytes: Callable[[], None]
    """To be called whenever anything comes through, a heartbeat too; what it raises ends the iteration."""


@dataclass(frozen=True, slots=True)
class ReadFrame:
    """Read on. Answer: a frame, ``None`` at the stream's end, or what went wrong."""


@dataclass(frozen=True, slots=True)
class Emit:
    """Hand this on."""

    event: Any


@dataclass(frozen=True, slots=True)
class Frame:
    """What one frame of a stream says; without data it only tells the position."""

    id: str
    data: str


Step: TypeAlias = OpenStream | ReadFrame | Emit | Call[Any] | Sleep
Told: TypeAlias = httpx.Response | Frame | Exception | None
Following: TypeAlias = Generator[Step, Told, None]


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackOptions:
    """How a task is followed."""

    after_seq_id: int = 0
    ignore_history: bool = False
    lifecycle: bool = False
    timeout: float | None = None


class Muted(Exception):
    """Nothing came through for three heartbeats."""


class NoStream(ProtocolError):
    """Somebody answers who is not the service; it may come back."""


LOST: Final = (httpx.RequestError, ApiError, NoStream, Interrupted)
"""Ways to lose a stream that may be opened again. An event that can't be read would come again as it was."""


class Cursor:
    """Where one reader stands: what it has been told, and so what is news."""

    def __init__(self, options: TrackOptions) -> None:
        self.after = options.after_seq_id
        self.is_known = not options.ignore_history
        """False until a reader that skips history has learnt where history ends."""
        self.is_done = False
        self.lifecycle = options.lifecycle

    def path(self, task_id: str) -> str:
        """The stream from here on."""
        query = query_of(
            afterSeqId=self.after if self.is_known else None,
            ignoreHistory=None if self.is_known else True,
            lifecycle=True if self.lifecycle else None,
            heartbeatSeconds=HEARTBEAT_SECONDS,
        )
        return api.path_of(task_id, "/track") + query

    def place(self, frame_id: str) -> None:
        """Note the position a stream opens with: where history ends, for a reader that skips it."""
        number = frame_id.partition(".")[0]
        if not self.is_known and number.isdecimal():
            self.after, self.is_known = int(number), True

    def accept(self, event: TrackEvent) -> bool:
        """Whether this is news; it counts as told from here on."""
        match event:
            case Progress(seq_id=seq_id):
                last = seq_id
            case Gap(to_seq_id=to_seq_id):
                last = to_seq_id
            case StatusChange():
                self.is_done = True
                return True
            case Lifecycle():
                return True
        if last <= self.after:
            return False
        self.after, self.is_known = last, True
        return True


def follow(task_id: str, options: TrackOptions, retries: Retries, now: Callable[[], float]) -> Following:
    """The steps that tell each entry once and in order, whatever happens on the way, and then the end."""
    cursor = Cursor(options)
    over = f"task {task_id} has not ended in the time given; it goes on"
    patience = Patience(over, options.timeout, retries, now)
    pages_seconds = STREAM_AGAIN_SECONDS
    while not cursor.is_done:
        patience.check()
        try:
            yield from _read_stream(task_id, cursor, patience)
            if not cursor.is_done:
                yield patience.ended()
        except Muted:
            patience.check()
            yield from _read_pages(task_id, cursor, patience, now() + pages_seconds, now)
            pages_seconds *= 2
        except LOST as error:
            patience.check()
            yield patience.lost(error, cursor.after)


def _read_stream(task_id: str, cursor: Cursor, patience: Patience) -> Following:
    def on_bytes() -> None:
        patience.heard()
        patience.check()

    patience.opened()
    response = yield OpenStream(cursor.path(task_id), min(SILENCE_SECONDS, patience.left), on_bytes)
    check_is_stream(answered(response))
    while not cursor.is_done:
        frame = answered((yield ReadFrame()))
        if not isinstance(frame, Frame):
            return
        yield from _take(frame, cursor, patience)


def answered(answer: Told) -> httpx.Response | Frame | None:
    """What a driver brought; raises what went wrong instead, silence as ``Muted``."""
    if isinstance(answer, httpx.ReadTimeout):
        raise Muted from answer
    if isinstance(answer, Exception):
        raise answer
    return answer


def check_is_stream(response: Any) -> None:
    """Raise where the answer is an error, or something else than a stream."""
    if not response.is_success:
        raise error_from(response)
    kind = response.headers.get("Content-Type", "")
    if not kind.startswith("text/event-stream"):
        raise NoStream(f"the answer is no event stream but {kind or 'of no type'}")


def _take(frame: Frame, cursor: Cursor, patience: Patience) -> Iterator[Emit]:
    if not frame.data:
        cursor.place(frame.id)
        return
    event = read_event(frame.data)
    if isinstance(event, TrackEvent) and cursor.accept(event):
        patience.told()
        yield Emit(event)


def _read_pages(
    task_id: str, cursor: Cursor, patience: Patience, until: float, now: Callable[[], float]
) -> Following:
    """Read on by the page that waits, which no proxy holds back."""
    wait_seconds, told = 0, ""
    while not cursor.is_done and now() < until:
        patience.check()
        after = cursor.after if cursor.is_known else SEQ_ID_MAX
        wait_seconds = math.ceil(max(0.0, min(wait_seconds, patience.left)))
        call = api.progress_page(task_id, after_seq_id=after, wait_seconds=wait_seconds)
        try:
            page = call.decode(_body(answered((yield patience.in_time(call)))))
        except (Muted, ProtocolError, *LOST) as error:
            patience.check()
            yield patience.lost(error, cursor.after)
            continue
        patience.heard()
        if not cursor.is_known and page.last_seq_id is not None:
            cursor.after, cursor.is_known = page.last_seq_id, True
        if cursor.lifecycle and page.status != told:
            yield from _state(task_id, page)
        told = page.status
        yield from _tell(task_id, page, cursor, patience)
        wait_seconds = PAGE_WAIT_SECONDS


def _body(answer: Any) -> bytes:
    if not answer.is_success:
        raise error_from(answer)
    content: bytes = answer.content
    return content


def _tell(task_id: str, page: ProgressPage, cursor: Cursor, patience: Patience) -> Following:
    for event in _events(task_id, page):
        if cursor.accept(event):
            yield Emit(event)
    if page.final:
        yield from _tell_end(task_id, cursor, patience)


def _events(task_id: str, page: ProgressPage) -> Iterator[Progress | Gap]:
    """The page's entries and gaps, in the order of their numbers."""
    gaps = [] if page.gaps is UNSET else list(page.gaps)
    at = page.entries[0].timestamp if page.entries else datetime.now(UTC)
    found: list[Progress | Gap] = [Gap(gap.from_seq_id, gap.to_seq_id, task_id, at) for gap in gaps]
    found += [progress_of(entry.data, task_id, entry.timestamp) for entry in page.entries]
    yield from sorted(found, key=_place)


def _place(event: Progress | Gap) -> int:
    return event.seq_id if isinstance(event, Progress) else event.from_seq_id


def _state(task_id: str, page: ProgressPage) -> Iterator[Emit]:
    """Pages tell the state they were read in, not the change that led to it."""
    if not page.final:
        now = datetime.now(UTC)
        yield Emit(Lifecycle(page.status, "current", None, None, False, task_id, now))


def _tell_end(task_id: str, cursor: Cursor, patience: Patience) -> Following:
    """A page does not tell when the task ended; the task does."""
    call = api.get(task_id, progress=False)
    while not cursor.is_done:
        try:
            task = call.decode(_body(answered((yield patience.in_time(call)))))
        except (Muted, ProtocolError, *LOST) as error:
            patience.check()
            yield patience.lost(error, cursor.after)
            continue
        event = _end_of(task)
        cursor.accept(event)
        yield Emit(event)


def _end_of(task: Task) -> StatusChange:
    return StatusChange(
        cast(FinalStatus, task.status),
        task.result,
        task.error,
        task.new_task_id,
        task.id,
        task.completed_at or task.updated_at,
    )
