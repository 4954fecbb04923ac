"""Why a change of a task was refused.

PostgreSQL decides; it answers the state it found, and this explains it. The checks go in the order of the
contract, so that each code has one meaning: a repeat of one's own outcome, then the attempt, then the
status, then the worker.
"""

from typing import Protocol

from tasktracker_schema.status import is_terminal
from tasktracker_server.core.errors import NotTaskWorker, StaleAttempt, TrackerError, WrongStatus


class Caller(Protocol):
    """What a call says of who makes it; ``None`` where that was left out."""

    @property
    def attempt(self) -> int | None:
        """The attempt it belongs to."""

    @property
    def worker_id(self) -> str | None:
        """The worker."""


class Found(Protocol):
    """The state a task was found in."""

    @property
    def status(self) -> str:
        """The status."""

    @property
    def attempt(self) -> int:
        """The latest attempt."""

    @property
    def worker_id(self) -> str | None:
        """Who holds it, or held it last."""


def is_own(by: Caller, latest: int, holder: str | None) -> bool:
    """Whether a call names the attempt (and not another worker) that the task's latest outcome is of."""
    return by.attempt == latest and (by.worker_id is None or holder is None or by.worker_id == holder)


def refusal(verb: str, found: Found, by: Caller) -> TrackerError:
    """The error for a worker's write to a task that was found in this state."""
    status, latest = found.status, found.attempt
    if by.attempt is not None and (by.attempt != latest or status == "pending"):
        if by.attempt == latest:
            message = f"Attempt {latest} is over: the task went back to the queue; stop working on it."
        else:
            message = f"Attempt {by.attempt} is not the latest ({latest}); stop working on this task."
        return StaleAttempt(message, details={"status": status, "attempt": latest})
    if status != "in_progress":
        return wrong_status(verb, status)
    if by.worker_id is not None and found.worker_id is not None and by.worker_id != found.worker_id:
        return NotTaskWorker(f"Another worker holds the task; only it may {verb} it.")
    return WrongStatus(
        f"The task changed while this was decided; look again before you {verb} it.",
        details={"status": status},
    )


def wrong_status(verb: str, status: str) -> WrongStatus:
    """The error for a task that is not in a state for this."""
    if is_terminal(status):
        hint = (
            "it has ended; retry makes a new task"
            if verb != "retry"
            else "only failed and timed-out tasks can be retried"
        )
    elif status == "pending":
        hint = "nobody works on it; claim or start it first" if verb != "retry" else "it has not ended yet"
    else:
        hint = "it is being worked on"
    return WrongStatus(f"Cannot {verb} a task that is {status}: {hint}.", details={"status": status})


def start_refusal(status: str, worker_id: str | None, attempt: int) -> WrongStatus:
    """The error for starting a task that is not waiting."""
    error = wrong_status("start", status)
    error.details = {"status": status, "workerId": worker_id, "attempt": attempt}
    return error
