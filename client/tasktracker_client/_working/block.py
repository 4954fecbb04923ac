"""What surrounds a job's code: it is the current job, in a span of the trace that registered it."""

from collections.abc import Mapping
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Final

from tasktracker_client._calling.tracing import open_span

if TYPE_CHECKING:
    from tasktracker_client._working.async_job import AsyncJob
    from tasktracker_client._working.job import Job, JobState

_current: Final[ContextVar[Any]] = ContextVar("tasktracker_job", default=None)


def current_job() -> "Job[Any] | AsyncJob[Any] | None":
    """The job in whose ``with`` block this code runs, in this thread or asyncio task; else ``None``."""
    job: Job[Any] | AsyncJob[Any] | None = _current.get()
    return job


class Block:
    """Open while the job's code runs."""

    def __init__(self, job: "JobState[Any]") -> None:
        attributes: Mapping[str, str | int] = {
            "tasktracker.task_id": job.id,
            "tasktracker.attempt": job.attempt,
        }
        self._outer = _current.get()
        _current.set(job)
        self._end_span = open_span(f"process {job.task_type}", job.metadata, attributes)

    def close(self, error: BaseException | None) -> None:
        """The code is over, by this exception if by any."""
        self._end_span(None if error is None else type(error), error, getattr(error, "__traceback__", None))
        _current.set(self._outer)
