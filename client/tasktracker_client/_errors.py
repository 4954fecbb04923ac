"""What can go wrong, as classes chosen by the service's error code.

::

    TaskTrackerError
    ├── ApiError                    the service refused the call; one subclass for each kind of code
    │   ├── BadRequest              400, 405, 413, 415: the call itself has to change
    │   │   ├── AttemptRequired
    │   │   ├── InvalidCursor
    │   │   ├── TooLarge
    │   │   └── HistoryFull
    │   ├── Unauthorized            401
    │   ├── Forbidden               403
    │   ├── NotFound                404
    │   │   └── TaskNotFound
    │   ├── Conflict                409
    │   │   ├── AlreadyRetried
    │   │   ├── FencedOut           somebody else's attempt, worker or outcome
    │   │   │   ├── StaleAttempt
    │   │   │   ├── WrongStatus
    │   │   │   └── NotTaskWorker   (403)
    │   │   ├── SeqGap
    │   │   └── TaskExists
    │   ├── RateLimited             429
    │   └── ServerError             5xx
    │       └── Unavailable         503: nothing was done
    ├── ConnectionFailed            no answer came
    │   ├── OutcomeUnknown          … and the call may have been carried out
    │   └── TrackInterrupted        … to a stream, for so long that it was given up; carries where it stood
    ├── ProtocolError               an answer that is not the API's
    ├── WaitTimeout                 the time given to ``wait`` or ``track`` is over (a ``TimeoutError`` too)
    ├── TaskFailed                  what ``wait`` waited for ended otherwise than completed
    │   ├── TaskCancelled
    │   └── TaskTimedOut
    └── JobStopped                  raised in a job's own code: its work is no longer wanted
        ├── LeaseLost
        └── CancelRequested
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from msgspec import Struct, field

from tasktracker_schema.answers import Task
from tasktracker_schema.errors import ErrorCode


class TaskTrackerError(Exception):
    """Anything this package raises on account of the service."""

    outcomes: Sequence[Any] = ()
    """Of a bulk call that took several requests: what became of the items before those of the failed one."""


class Refusal(Struct, frozen=True):
    """What the service said when it refused a call."""

    status: int
    code: str
    """For programs; an ``ErrorCode`` where this release of the client knows it."""
    message: str
    details: dict[str, Any] = field(default_factory=dict)
    request_id: str | None = None
    retry_after: float | None = None
    """Seconds after which the service asks to be called again."""


class ApiError(TaskTrackerError):
    """The service refused a call."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal)
        self.refusal = refusal

    def __str__(self) -> str:
        about = f" (request {self.request_id})" if self.request_id else ""
        return f"{self.code}: {self.message}{about}"

    @property
    def code(self) -> str:
        """The stable error code, as ``task_not_found``."""
        return self.refusal.code

    @property
    def status(self) -> int:
        """The HTTP status."""
        return self.refusal.status

    @property
    def message(self) -> str:
        """For people: what is wrong and what to do."""
        return self.refusal.message

    @property
    def details(self) -> dict[str, Any]:
        """What the code promises to add, as ``{"status": "completed"}``; else empty."""
        return self.refusal.details

    @property
    def request_id(self) -> str | None:
        """Finds the call in the service's log."""
        return self.refusal.request_id

    @property
    def retry_after(self) -> float | None:
        """Seconds after which the service asks to be called again."""
        return self.refusal.retry_after


class BadRequest(ApiError):
    """The call itself has to change; the message names the field."""


class AttemptRequired(BadRequest):
    """This deployment wants ``worker_id`` and ``attempt`` with every worker's write."""


class InvalidCursor(BadRequest):
    """The cursor belongs to other filters, or to no list at all."""


class TooLarge(BadRequest):
    """A body, entry or list is over its limit."""


class HistoryFull(BadRequest):
    """The task's history is at its limit; the task can still end."""


class Unauthorized(ApiError):
    """The key is missing or not known."""


class Forbidden(ApiError):
    """The key, or the page's origin, may not do this."""


class NotFound(ApiError):
    """There is nothing of this name."""


class TaskNotFound(NotFound):
    """There is no task of this id."""


class Conflict(ApiError):
    """The task's state does not allow this."""


class AlreadyRetried(Conflict):
    """The chain has an unfinished task already; ``details["newTaskId"]`` names it."""


class FencedOut(Conflict):
    """The write came too late, or from somebody who does not hold the task."""


class StaleAttempt(FencedOut):
    """The task was claimed anew, or is back in the queue: this attempt is over."""


class WrongStatus(FencedOut):
    """The task is not in a state that allows this; ``details["status"]`` tells which it is in."""


class NotTaskWorker(FencedOut):
    """Another worker holds the task."""


class SeqGap(Conflict):
    """The entry's own number is not the next one; ``details["expectedSeqId"]`` is."""


class TaskExists(Conflict):
    """The id is taken; ``details`` tell by what, and whether the request was the same."""


class RateLimited(ApiError):
    """Too many calls; the client waited and repeated as often as it was told to."""


class ServerError(ApiError):
    """The service failed; its log knows the request id."""


class Unavailable(ServerError):
    """The service can't do this now; nothing was done."""


class ConnectionFailed(TaskTrackerError):
    """No answer came, however often the call was repeated."""


class OutcomeUnknown(ConnectionFailed):
    """No answer came to a call that may have been carried out, and repeating it would not have been safe."""


class TrackInterrupted(ConnectionFailed):
    """A stream could not be resumed for too long; ``track(…, after_seq_id=error.after_seq_id)`` goes on."""

    def __init__(self, message: str, after_seq_id: int) -> None:
        super().__init__(message, after_seq_id)
        self.after_seq_id = after_seq_id

    def __str__(self) -> str:
        return f"{self.args[0]}; entries up to {self.after_seq_id} were told"


class ProtocolError(TaskTrackerError):
    """The answer is not one of this API; is the base URL that of a Task Tracker?"""


class WaitTimeout(TaskTrackerError, TimeoutError):
    """The time that was given is over; the task goes on."""


class TaskFailed(TaskTrackerError):
    """The task, and every automatic retry of it, ended otherwise than completed."""

    def __init__(self, task: Task) -> None:
        super().__init__(task)
        self.task = task
        """The task that ended last, whole."""

    def __str__(self) -> str:
        return f"task {self.task.id} {_ENDINGS[self.task.status]}{_told(self.task.error)}"


_ENDINGS: Final[Mapping[str, str]] = {"failed": "failed", "timeout": "ran out of time"}


def _told(error: Any) -> str:
    text = error.get("message") if isinstance(error, dict) else error
    return f": {text}" if text else ""


class TaskCancelled(TaskFailed):
    """The task was cancelled."""

    def __str__(self) -> str:
        return f"task {self.task.id} was cancelled{_told(self.task.error)}"


class TaskTimedOut(TaskFailed):
    """The task's ``timeout_seconds`` were over before it completed."""


class JobStopped(TaskTrackerError):
    """The job's work is no longer wanted; leave it. Raised by its progress calls."""


class LeaseLost(JobStopped):
    """The task went to another worker, or has ended; nothing this job writes is accepted any more."""


class CancelRequested(JobStopped):
    """Somebody cancelled the task; left to itself, the job ends as cancelled."""


def failure_of(task: Task) -> TaskFailed:
    """The exception that tells how this task ended, which is not completed."""
    if task.status == "timeout":
        return TaskTimedOut(task)
    if isinstance(task.error, dict) and task.error.get("code") == "cancelled":
        return TaskCancelled(task)
    return TaskFailed(task)


BY_CODE: Final[Mapping[ErrorCode, type[ApiError]]] = {
    ErrorCode.INVALID_JSON: BadRequest,
    ErrorCode.INVALID_REQUEST: BadRequest,
    ErrorCode.INVALID_CURSOR: InvalidCursor,
    ErrorCode.ATTEMPT_REQUIRED: AttemptRequired,
    ErrorCode.UNAUTHORIZED: Unauthorized,
    ErrorCode.FORBIDDEN: Forbidden,
    ErrorCode.NOT_TASK_WORKER: NotTaskWorker,
    ErrorCode.ORIGIN_NOT_ALLOWED: Forbidden,
    ErrorCode.TASK_NOT_FOUND: TaskNotFound,
    ErrorCode.ROUTE_NOT_FOUND: NotFound,
    ErrorCode.METHOD_NOT_ALLOWED: BadRequest,
    ErrorCode.TASK_EXISTS: TaskExists,
    ErrorCode.WRONG_STATUS: WrongStatus,
    ErrorCode.STALE_ATTEMPT: StaleAttempt,
    ErrorCode.SEQ_GAP: SeqGap,
    ErrorCode.ALREADY_RETRIED: AlreadyRetried,
    ErrorCode.TOO_LARGE: TooLarge,
    ErrorCode.HISTORY_FULL: HistoryFull,
    ErrorCode.UNSUPPORTED_ENCODING: BadRequest,
    ErrorCode.RATE_LIMITED: RateLimited,
    ErrorCode.INTERNAL_ERROR: ServerError,
    ErrorCode.OVERLOADED: Unavailable,
    ErrorCode.POSTGRES_UNAVAILABLE: Unavailable,
    ErrorCode.REDIS_UNAVAILABLE: Unavailable,
    ErrorCode.SHUTTING_DOWN: Unavailable,
    ErrorCode.OUTCOME_UNKNOWN: ServerError,
}
"""``outcome_unknown`` reaches callers as ``OutcomeUnknown`` where repeating the call did not clear it up."""

_BY_STATUS: Final[Mapping[int, type[ApiError]]] = {
    401: Unauthorized,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    413: TooLarge,
    429: RateLimited,
    503: Unavailable,
}


def api_error(refusal: Refusal) -> ApiError:
    """The exception for a refusal; a code that a newer service added is told apart by its status."""
    try:
        kind = BY_CODE[ErrorCode(refusal.code)]
    except ValueError:
        family = ServerError if refusal.status >= 500 else BadRequest
        kind = _BY_STATUS.get(refusal.status, family)
    return kind(refusal)
