"""Typed client of Task Tracker, synchronous and asynchronous.

``TaskTracker`` and ``AsyncTaskTracker`` make the calls; everything public is imported from here.
"""

from typing import Final

from tasktracker_client._async_client import AsyncTaskTracker
from tasktracker_client._calling.api import Next
from tasktracker_client._calling.bulk import Completion, Done, Failure, NewTask, Outcome, Refused, Report
from tasktracker_client._client import TaskTracker
from tasktracker_client._config import Retries
from tasktracker_client._errors import (
    AlreadyRetried,
    ApiError,
    AttemptRequired,
    BadRequest,
    CancelRequested,
    Conflict,
    ConnectionFailed,
    FencedOut,
    Forbidden,
    HistoryFull,
    InvalidCursor,
    JobStopped,
    LeaseLost,
    NotFound,
    NotTaskWorker,
    OutcomeUnknown,
    ProtocolError,
    RateLimited,
    Refusal,
    SeqGap,
    ServerError,
    StaleAttempt,
    TaskCancelled,
    TaskExists,
    TaskFailed,
    TaskNotFound,
    TaskTimedOut,
    TaskTrackerError,
    TooLarge,
    TrackInterrupted,
    Unauthorized,
    Unavailable,
    WaitTimeout,
    WrongStatus,
)
from tasktracker_client._events import Gap, Lifecycle, ManyEvent, Progress, Ready, StatusChange, TrackEvent
from tasktracker_client._exceptions import FailJob
from tasktracker_client._following.streams import AsyncStream, Stream
from tasktracker_client._pools.pool import WorkerPool
from tasktracker_client._refs import TaskRef
from tasktracker_client._working.async_job import AsyncJob
from tasktracker_client._working.bar import JobBar
from tasktracker_client._working.block import current_job
from tasktracker_client._working.job import Job
from tasktracker_client._working.log_handler import JobLogHandler
from tasktracker_client._working.worker import AsyncWorker, Worker
from tasktracker_schema.answers import (
    CancelledTask,
    EndedTask,
    FailedTask,
    Health,
    Heartbeat,
    ProcessedTimeouts,
    ProgressEntry,
    ProgressPage,
    Readiness,
    RegisteredTask,
    ReleasedTask,
    ReportedProgress,
    RetriedTask,
    StartedTask,
    Stats,
    Task,
    TaskPage,
    TaskRow,
)
from tasktracker_schema.errors import ErrorCode
from tasktracker_schema.status import FinalStatus, TaskStatus

__version__: Final = "0.1.0"

__all__ = [
    "AlreadyRetried",
    "ApiError",
    "AsyncJob",
    "AsyncStream",
    "AsyncTaskTracker",
    "AsyncWorker",
    "AttemptRequired",
    "BadRequest",
    "CancelRequested",
    "CancelledTask",
    "Completion",
    "Conflict",
    "ConnectionFailed",
    "Done",
    "EndedTask",
    "ErrorCode",
    "FailJob",
    "FailedTask",
    "Failure",
    "FencedOut",
    "FinalStatus",
    "Forbidden",
    "Gap",
    "Health",
    "Heartbeat",
    "HistoryFull",
    "InvalidCursor",
    "Job",
    "JobBar",
    "JobLogHandler",
    "JobStopped",
    "LeaseLost",
    "Lifecycle",
    "ManyEvent",
    "NewTask",
    "Next",
    "NotFound",
    "NotTaskWorker",
    "Outcome",
    "OutcomeUnknown",
    "ProcessedTimeouts",
    "Progress",
    "ProgressEntry",
    "ProgressPage",
    "ProtocolError",
    "RateLimited",
    "Readiness",
    "Ready",
    "Refusal",
    "Refused",
    "RegisteredTask",
    "ReleasedTask",
    "Report",
    "ReportedProgress",
    "RetriedTask",
    "Retries",
    "SeqGap",
    "ServerError",
    "StaleAttempt",
    "StartedTask",
    "Stats",
    "StatusChange",
    "Stream",
    "Task",
    "TaskCancelled",
    "TaskExists",
    "TaskFailed",
    "TaskNotFound",
    "TaskPage",
    "TaskRef",
    "TaskRow",
    "TaskStatus",
    "TaskTimedOut",
    "TaskTracker",
    "TaskTrackerError",
    "TooLarge",
    "TrackEvent",
    "TrackInterrupted",
    "Unauthorized",
    "Unavailable",
    "WaitTimeout",
    "Worker",
    "WorkerPool",
    "WrongStatus",
    "__version__",
    "current_job",
]
