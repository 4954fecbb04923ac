"""A claimed task in the hands of the code that does it."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sized
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Generic, Self, TypeVar, overload

import msgspec

from tasktracker_client._calling.api import Json, JsonObjectLike, read_ended, read_failed
from tasktracker_client._calling.calls import Call, Flow, json_of
from tasktracker_client._errors import BadRequest, CancelRequested, JobStopped, LeaseLost, TaskTrackerError
from tasktracker_client._exceptions import FailJob, error_of
from tasktracker_client._logging import logger
from tasktracker_client._working.bar import JobBar
from tasktracker_client._working.block import Block
from tasktracker_client._working.held import Held, JobEnded
from tasktracker_client._working.keeper import Keeper
from tasktracker_client._working.keeping import END_SECONDS, HASTE_SECONDS, end, release, write
from tasktracker_client._working.outbox import Batch
from tasktracker_schema.answers import EndedTask, FailedTask, ReleasedTask, Task
from tasktracker_schema.names import JsonObject

T = TypeVar("T")
if TYPE_CHECKING:  # a bare `Job` has plain params; Python itself knows defaults since 3.13
    from typing_extensions import TypeVar as TypeVarWithDefault

    P = TypeVarWithDefault("P", default=JsonObject)
else:
    P = TypeVar("P")

_FULL_SECONDS: Final = 0.5
"""How often a job that waits for room looks whether it is wanted still."""


class JobState(Generic[P]):
    """What a job is, and what its two kinds share."""

    def __init__(self, task: Task, params: P, held: Held, keeper: Keeper) -> None:
        self.task: Final = task
        """The task as it was claimed."""
        self.params: Final = params
        """What it was registered with; an empty object where it was without."""
        self._held = held
        self._keeper = keeper
        self._block: Block | None = None
        self._was_refused = False

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.id} {self.task_type!r} attempt {self.attempt}>"

    @property
    def id(self) -> str:
        """The task's id."""
        return self.task.id

    @property
    def task_type(self) -> str:
        """The task's type."""
        return self.task.task_type

    @property
    def metadata(self) -> JsonObject:
        """What the task was registered with for everybody; empty where it was without."""
        return self.task.metadata or {}

    @property
    def attempt(self) -> int:
        """Which claim of the task this is, counted from 1; every write of the job carries it."""
        return self.task.attempt

    @property
    def worker_id(self) -> str | None:
        """Who holds the task."""
        return self._held.hold.worker_id

    @property
    def cancelled(self) -> bool:
        """Whether somebody cancelled the task; the next progress call raises ``CancelRequested``."""
        return self._held.is_cancelled

    @property
    def lease_lost(self) -> bool:
        """Whether this attempt is over; the next progress call raises ``LeaseLost``."""
        return self._held.is_lost

    @property
    def ended(self) -> bool:
        """Whether it was completed, failed or released by this job."""
        return self._held.is_ended

    def with_params(self, params: Any) -> Self:
        """The same job, its params in another shape."""
        return type(self)(self.task, params, self._held, self._keeper)

    def put_if_room(self, entry: bytes) -> None:
        """Report an entry of JSON that may be left out: where the job is over, or the service behind."""
        held = self._held
        if not (held.is_ended or held.is_lost or held.outbox.is_full or self._keeper.is_forked):
            self._put(entry)

    def _put(self, entry: bytes) -> None:
        if self._held.put(entry):
            self._keeper.wake()

    def _put_latest(self, entry: bytes) -> None:
        if self._held.put_latest(entry):
            self._keeper.wake()

    def _completing(self, result: Json) -> Flow[EndedTask]:
        return self._ending("complete", read_ended, _member("result", result), is_success=True)

    def _failing(self, error: Json, retry: bool) -> Flow[FailedTask]:
        return self._ending("fail", read_failed, _member("error", error), _member("retry", retry))

    def _ending(
        self, verb: str, read: Callable[[bytes], T], *members: bytes, is_success: bool = False
    ) -> Flow[T]:
        def call_with(last: Batch | None) -> Call[T]:
            along = () if last is None else (b'"progress":%s' % last.numbered(),)
            return write(self._held.hold, verb, read, *members, *along)

        return end(self._held, call_with, is_success=is_success)

    def _check_open(self) -> None:
        self._keeper.check_process()
        self._held.check_open()

    def _drop_ended(self) -> None:
        if self._held.is_ended or self._held.is_lost:
            self._keeper.drop(self._held)
        else:
            self._keeper.wake()  # the end had the sender's turn

    def _entered(self) -> Self:
        self._block = Block(self)
        return self

    def _leaving(self, error: BaseException | None) -> Flow[Any] | None:
        """What leaving the job's block does, by what it is left with; ``None`` for nothing."""
        held = self._held
        if self._block is not None:
            self._block.close(error)
        if held.is_ended or held.is_lost:
            _tell_late(self, error)
            return None
        if error is None:
            return self._completing(None)
        if not isinstance(error, Exception):
            return release(self._held, HASTE_SECONDS)
        if isinstance(error, CancelRequested) and held.is_cancelled:
            return self._failing(None, retry=False)  # the service puts in the reason it was cancelled with
        if isinstance(error, FailJob):
            return self._failing(_writable(error.error), error.retry)
        logger.error("%r failed", self, exc_info=error)
        return self._failing(error_of(error), retry=True)

    def _instead(self, error: BaseException | None, problem: TaskTrackerError) -> Flow[Any] | None:
        """What to do where the end of a block could not be recorded; ``None`` for nothing more.

        An end that is refused as it is, an error too large perhaps, would be so again with every attempt.
        """
        is_failure = error is None or isinstance(error, Exception)
        if isinstance(problem, BadRequest) and is_failure and not self._was_refused:
            self._was_refused = True
            logger.error("%r fails, for something of it was refused: %s", self, problem)
            return self._failing(error_of(problem), getattr(error, "retry", True) is not False)
        tell_unrecorded(self, problem)
        self._held.lost(f"its end could not be recorded: {problem}")
        return None


def _member(name: str, value: Any) -> bytes:
    try:
        return b'"%s":%s' % (name.encode(), json_of(value))
    except TypeError as error:
        raise TypeError(f"the {name} can't be written as JSON: {error}") from error


def _writable(error: Json) -> Json:
    """An error that can be written as JSON: this one, or what is wrong with it."""
    try:
        json_of(error)
    except Exception as problem:  # whatever a value's own hooks raise
        return error_of(problem)
    return error


def _tell_late(job: JobState[Any], error: BaseException | None) -> None:
    """What was left to say after the end can only be logged."""
    if job.lease_lost and not job.ended:
        logger.warning("%r went to somebody else; nothing of it was recorded", job)
    elif isinstance(error, Exception) and not isinstance(error, JobStopped):
        logger.error("%r had ended when its code failed", job, exc_info=error)


def tell_unrecorded(job: JobState[Any], error: TaskTrackerError) -> None:
    """The end could not be recorded: the lease lapses, and the task is done again by somebody."""
    if isinstance(error, LeaseLost):
        logger.warning("%r went to somebody else before its end was recorded: %s", job, error)
    else:
        logger.error("the end of %r could not be recorded; it will be claimed again: %s", job, error)


def entry_of(entry: JsonObjectLike, fields: Mapping[str, Any]) -> bytes:
    """The JSON of a progress entry. Raises ``ValueError`` where it is no object, or is numbered."""
    value = fields if entry is None else {**_object(entry), **fields} if fields else entry
    written = json_of(value)
    if not written.startswith(b"{"):
        raise ValueError(f"a progress entry is an object, not {type(value).__name__}")
    if b'"seqId"' in written and "seqId" in msgspec.json.decode(written):
        raise ValueError("a job numbers its entries itself; leave `seqId` out")
    return written


def _object(entry: JsonObjectLike) -> Mapping[str, Any]:
    value: Any = msgspec.to_builtins(entry)
    if not isinstance(value, Mapping):
        raise ValueError(f"a progress entry is an object, not {type(entry).__name__}")
    return value


class Job(JobState[P]):
    """A claimed task. Its lease is kept until it ends; leave its ``with`` block to end it:

    ======================================  ===========================================================
    left                                    the task
    ======================================  ===========================================================
    at the end of the block                 completes, unless the block ended it; fails where the
                                            service refused an entry of it
    by ``FailJob``                          fails with the error it carries
    by another ``Exception``                fails with its type, message and traceback, which are logged
    by ``CancelRequested``                  ends as cancelled
    by ``LeaseLost``                        is left to whoever has it now
    by ``KeyboardInterrupt`` and the like   is released, and the exception goes on
    ======================================  ===========================================================

    Exceptions of the first five rows end in the block, so that a loop over jobs goes on.
    """

    def __enter__(self) -> Self:
        return self._entered()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        if self._keeper.is_forked:  # the job is the parent's, which goes on with it
            return False
        flow = self._leaving(error)
        patience = None if error is None or isinstance(error, Exception) else HASTE_SECONDS
        try:
            while flow is not None:
                try:
                    self._end(flow, patience)
                except JobEnded:  # by another thread of it, meanwhile
                    break
                except TaskTrackerError as problem:
                    flow = self._instead(error, problem)
                else:
                    break
        finally:
            self._keeper.drop(self._held)
        return isinstance(error, Exception)

    def progress(self, entry: JsonObjectLike = None, /, **fields: Any) -> None:
        """Report an entry: an object, or its fields. It is sent soon, in order, and never dropped.

        Raises ``LeaseLost`` when the task is somebody else's by now, ``CancelRequested`` when it was
        cancelled, and the ``ApiError`` of an earlier entry that the service refused; of the last ones
        ``complete`` raises it.
        """
        written = entry_of(entry, fields)
        self._check()
        self._put(written)
        self._wait_for_room()

    def latest(self, entry: JsonObjectLike = None, /, **fields: Any) -> None:
        """Report an entry that the next one replaces while it is not sent; at most one a second goes out.

        The last one is always sent. Raises what ``progress`` raises.
        """
        written = entry_of(entry, fields)
        self._check()
        self._put_latest(written)

    def steps(self, items: Iterable[T], *, total: int | None = None, **fields: Any) -> Iterator[T]:
        """Iterate, and report ``{done, total, percent}`` as it goes, with ``latest``."""
        total = total if total is not None else len(items) if isinstance(items, Sized) else None
        self.latest(**steps_of(0, total), **fields)
        for done, item in enumerate(items, start=1):
            yield item
            self.latest(**steps_of(done, total), **fields)

    @overload
    def tqdm(
        self, items: Iterable[T], desc: str | None = None, total: float | None = None, **shown: Any
    ) -> JobBar[T]: ...

    @overload
    def tqdm(
        self, items: None = None, desc: str | None = None, total: float | None = None, **shown: Any
    ) -> JobBar[Any]: ...

    def tqdm(
        self, items: Any = None, desc: str | None = None, total: float | None = None, **shown: Any
    ) -> JobBar[Any]:
        """A bar as of ``tqdm``, which reports ``{done, total, percent, desc, postfix}`` as it moves.

        Where ``tqdm`` is installed its bar is drawn too, and gets all other arguments. Raises what
        ``progress`` raises.
        """
        return JobBar(self.latest, items, desc, total, shown)

    def complete(self, result: Json = None) -> EndedTask:
        """End the task with its result; raises ``LeaseLost`` where it is somebody else's by now."""
        return self._end(self._completing(result))

    def fail(self, error: Json = None, *, retry: bool = True) -> FailedTask:
        """End the task with an error; it is retried as often as it may be, unless ``retry`` is false."""
        return self._end(self._failing(error, retry))

    def release(self) -> ReleasedTask:
        """Hand the task back to the queue, where it keeps its place, its history and its attempts."""
        return self._end(release(self._held, END_SECONDS))

    def check(self) -> None:
        """Raise ``LeaseLost`` or ``CancelRequested`` where it is so; costs nothing otherwise."""
        self._check()

    def _check(self) -> None:
        self._keeper.check_process()
        if self._held.needs_a_word:
            self._keeper.ask(self._held)
        self._held.check()

    def _wait_for_room(self) -> None:
        held = self._held
        while held.outbox.is_full:
            with held.lock:
                held.changed.wait(_FULL_SECONDS)
            held.check()

    def _end(self, flow: Flow[T], patience: float | None = None) -> T:
        self._check_open()
        try:
            return self._keeper.drive(flow, patience)
        finally:
            self._drop_ended()


def steps_of(done: int, total: int | None) -> dict[str, Any]:
    """What an iteration reports."""
    if not total:
        return {"done": done}
    return {"done": done, "total": total, "percent": round(100 * done / total, 1)}
