"""Why a change of a task was refused.

PostgreSQL decides; it answers the state it found, and this explains it. The checks go in the order of the
contract, so that each code has one meaning: a repeat of one's own outcome, then the attempt, then the
status, then the worker.
"""

from tasktracker_schema.status import is_terminal
from tasktracker_server.core.errors import NotTaskWorker, StaleAttempt, TrackerError, WrongStatus


def is_own(attempt: int | None, worker_id: str | None, latest: int, holder: str | None) -> bool:
    """Whether a call names the attempt (and not another worker) that the task's latest outcome is of."""
    return attempt == latest and (worker_id is None or holder is None or worker_id == holder)


def refusal(
    verb: str, status: str, latest: int, holder: str | None, *, attempt: int | None, worker_id: str | None
) -> TrackerError:
    """The error for a worker's write to a task that was found in this state."""
    if attempt is not None and (attempt != latest or status == "pending"):
        if attempt == latest:
            message = f"Attempt {attempt} is over: the task went back to the queue; stop working on it."
        else:
            message = f"Attempt {attempt} is not the latest ({latest}); stop working on this task."
        return StaleAttempt(message, details={"status": status, "attempt": latest})
    if status != "in_progress":
        return wrong_status(verb, status)
    if worker_id is not None and holder is not None and worker_id != holder:
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
