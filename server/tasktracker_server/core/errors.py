"""Every way a call can be refused.

::

    TrackerError                 code, message, details, retry_after
    ├── InvalidRequest           400  names the field
    ├── InvalidCursor            400
    ├── TaskNotFound             404
    ├── TaskExists               409  details: existing, sameRequest
    ├── WrongStatus              409  details: status (start: workerId, attempt too)
    ├── StaleAttempt             409
    ├── SeqGap                   409  details: expectedSeqId
    ├── AlreadyRetried           409  details: newTaskId
    ├── NotTaskWorker            403
    ├── TooLarge, HistoryFull    413
    └── Unavailable              503  a store is away, or too much is waiting; retry_after is set

Services raise these and nothing else; the HTTP layer turns them into the error body.
"""

from typing import Any, ClassVar

from tasktracker_schema.errors import ErrorCode


class TrackerError(Exception):
    """A call was refused."""

    code: ErrorCode = ErrorCode.INTERNAL_ERROR
    details: dict[str, Any] | None = None
    retry_after: int | None = None
    """Whole seconds after which a repeat makes sense."""

    def __init__(self, message: str, *, details: dict[str, Any] | None = None) -> None:
        super().__init__(message)
        self.message = message
        if details is not None:
            self.details = details


class InvalidRequest(TrackerError):
    """The body, path or query is not what the call takes."""

    code = ErrorCode.INVALID_REQUEST


class InvalidJson(TrackerError):
    """The body is not JSON."""

    code = ErrorCode.INVALID_JSON


class InvalidCursor(TrackerError):
    """The cursor is none of ours, or was given out for other filters."""

    code = ErrorCode.INVALID_CURSOR

    def __init__(self) -> None:
        super().__init__(
            "`$.cursor` does not belong to these filters; send `nextCursor` as it came, and the same filters."
        )


class AttemptRequired(TrackerError):
    """This deployment wants ``attempt`` and ``workerId`` on every worker write."""

    code = ErrorCode.ATTEMPT_REQUIRED


class TaskNotFound(TrackerError):
    """There is no such task."""

    code = ErrorCode.TASK_NOT_FOUND

    def __init__(self, task_id: str) -> None:
        super().__init__(f"There is no task '{task_id}'; register it, or check the id.")


class TaskExists(TrackerError):
    """The id is taken."""

    code = ErrorCode.TASK_EXISTS


class WrongStatus(TrackerError):
    """The task is not in a state that allows this."""

    code = ErrorCode.WRONG_STATUS


class StaleAttempt(TrackerError):
    """The task was handed to somebody else, or back to the queue, since."""

    code = ErrorCode.STALE_ATTEMPT


class NotTaskWorker(TrackerError):
    """Another worker holds the task."""

    code = ErrorCode.NOT_TASK_WORKER


class SeqGap(TrackerError):
    """A progress entry's own number is not the next one."""

    code = ErrorCode.SEQ_GAP


class AlreadyRetried(TrackerError):
    """The chain has an unfinished task."""

    code = ErrorCode.ALREADY_RETRIED


class TooLarge(TrackerError):
    """A body or an entry is over its limit."""

    code = ErrorCode.TOO_LARGE


class HistoryFull(TrackerError):
    """The task's history is at its limit; it can still be ended."""

    code = ErrorCode.HISTORY_FULL


class Unavailable(TrackerError):
    """Nothing was done; the same call may succeed a little later."""

    retry_after = 1
    fallback: ClassVar[str] = "Try again in a moment."

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or self.fallback)


class Overloaded(Unavailable):
    """More is waiting than can be done in time."""

    code = ErrorCode.OVERLOADED
    fallback = "The service has more to do than it can; try again in a moment."


class PostgresUnavailable(Unavailable):
    """PostgreSQL does not answer."""

    code = ErrorCode.POSTGRES_UNAVAILABLE
    fallback = "The database does not answer; nothing was done, try again in a moment."


class RedisUnavailable(Unavailable):
    """Redis does not answer."""

    may_be_done = False
    """Whether what was asked of it may have been done all the same."""
    code = ErrorCode.REDIS_UNAVAILABLE
    fallback = "The live store does not answer; nothing was done, try again in a moment."


class ShuttingDown(Unavailable):
    """This instance is ending; another one takes the call."""

    code = ErrorCode.SHUTTING_DOWN
    fallback = "This instance is shutting down; try again, another one will answer."


class OutcomeUnknown(Unavailable):
    """The database went away while the call was decided."""

    code = ErrorCode.OUTCOME_UNKNOWN
    fallback = "The connection was lost while this was decided; look before repeating it."
