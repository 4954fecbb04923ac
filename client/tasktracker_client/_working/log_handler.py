"""A job's log records as its progress."""

import logging
from typing import TYPE_CHECKING, Any, Final

from tasktracker_client._exceptions import storable
from tasktracker_client._working.block import current_job
from tasktracker_client._working.job import JobState, entry_of

if TYPE_CHECKING:
    from tasktracker_client._working.async_job import AsyncJob
    from tasktracker_client._working.job import Job

_MESSAGE_CHARACTERS: Final = 8_000
"""Within the service's limit of an entry, whatever the characters."""
_OWN: Final = frozenset({"tasktracker_client", "httpx", "httpcore"})
"""Loggers that speak of sending an entry: each record of theirs would be the reason for the next."""


class JobLogHandler(logging.Handler):
    """Reports each record as the entry ``{level, logger, message}``, and never fails or delays the job.

    ::

        logging.getLogger().addHandler(JobLogHandler())

    Once, for all jobs: a record belongs to the job in whose block it was logged, in the same thread or
    asyncio task; those of no job are passed over. With a ``job``, all records are that job's.

    Records of this package and of its HTTP library are never reported; nor are those of a job that has
    ended, and those that come faster than the service takes them.
    """

    def __init__(
        self, job: "Job[Any] | AsyncJob[Any] | None" = None, *, level: int | str = logging.INFO
    ) -> None:
        super().__init__(level)
        self._job: JobState[Any] | None = job

    def emit(self, record: logging.LogRecord) -> None:
        """Report the record, unless there is no job that could."""
        job = self._job or current_job()
        if job is None or record.name.partition(".")[0] in _OWN:
            return
        try:
            message = storable(self.format(record)[:_MESSAGE_CHARACTERS])
            fields = {"level": record.levelname.lower(), "logger": storable(record.name), "message": message}
            job.put_if_room(entry_of(fields, {}))
        except Exception:
            self.handleError(record)
