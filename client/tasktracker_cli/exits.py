"""Exit codes, and the one line that is told of an error."""

import errno
from enum import IntEnum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from tasktracker_client import TaskFailed


class Exit(IntEnum):
    """What the exit code says."""

    OK = 0
    FAILED = 1
    USAGE = 2
    TIMED_OUT = 3
    CANCELLED = 4
    REFUSED = 5
    NO_ANSWER = 6
    NOT_WRITTEN = 7
    WAIT_OVER = 124
    NOT_TRACKED = 125
    NOT_RUNNABLE = 126
    NOT_FOUND = 127
    INTERRUPTED = 130
    READER_GONE = 141


MEANINGS: Final = {
    Exit.OK: "done; the task completed",
    Exit.FAILED: "the task failed",
    Exit.USAGE: "the command line is wrong; nothing was done",
    Exit.TIMED_OUT: "the task ran out of its own time",
    Exit.CANCELLED: "the task was cancelled",
    Exit.REFUSED: "the service refused the call",
    Exit.NO_ANSWER: "the service does not answer, or can't",
    Exit.NOT_WRITTEN: "the output can't be written",
    Exit.WAIT_OVER: "--timeout is over; the task goes on",
    Exit.INTERRUPTED: "interrupted by Ctrl-C",
}
"""Those of every command; ``run`` has more of its own."""


def exit_codes(*codes: Exit) -> str:
    """A paragraph for a command's help that tells these exit codes."""
    listed = codes or tuple(MEANINGS)
    lines = "\n".join(f"  {code:>3}  {MEANINGS[code]}" for code in listed)
    return f"\b\nExit codes:\n{lines}"


ENDINGS: Final = (
    Exit.OK,
    Exit.FAILED,
    Exit.TIMED_OUT,
    Exit.CANCELLED,
    Exit.REFUSED,
    Exit.NO_ANSWER,
    Exit.WAIT_OVER,
)
"""Of a command that sees a task to its end."""


_UNWRITABLE: Final = frozenset({errno.ENOSPC, errno.EIO, errno.EBADF, errno.EFBIG, errno.EDQUOT})
"""A full disk and the like; what else the system refuses is somebody's bug, and shown as one."""


def told(error: Exception) -> tuple[str, Exit] | None:
    """The line and the exit code for an error of the client; ``None`` for what is a bug."""
    from tasktracker_client import ApiError, ServerError, TaskFailed, TaskTrackerError, WaitTimeout

    if isinstance(error, TaskFailed):
        return str(error), ending(error)
    if isinstance(error, WaitTimeout):
        return str(error), Exit.WAIT_OVER
    if isinstance(error, ApiError) and not isinstance(error, ServerError):
        return str(error), Exit.REFUSED
    if isinstance(error, TaskTrackerError):
        return str(error), Exit.NO_ANSWER
    if isinstance(error, OSError) and error.errno in _UNWRITABLE:
        return f"the output can't be written: {error.strerror}", Exit.NOT_WRITTEN
    return None


def ending(error: "TaskFailed") -> Exit:
    """The exit code for how a task ended that did not complete."""
    from tasktracker_client import TaskCancelled, TaskTimedOut

    if isinstance(error, TaskTimedOut):
        return Exit.TIMED_OUT
    return Exit.CANCELLED if isinstance(error, TaskCancelled) else Exit.FAILED


def ending_of(status: str, error: object) -> Exit:
    """The same for a final status, as streams tell it."""
    if status == "completed":
        return Exit.OK
    if status == "timeout":
        return Exit.TIMED_OUT
    is_cancelled = isinstance(error, dict) and error.get("code") == "cancelled"
    return Exit.CANCELLED if is_cancelled else Exit.FAILED
