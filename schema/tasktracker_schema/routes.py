"""Every route of the API: the one table behind the server's routing and the OpenAPI document."""

from typing import Any, Final, Literal, TypeAlias

from msgspec import Struct

from tasktracker_schema import answers, limits, requests
from tasktracker_schema.errors import ErrorCode as E

BASE_PATH: Final = "/api/v1/tasks"

Scope: TypeAlias = Literal["read", "submit", "work", "admin", "open"]
Media: TypeAlias = Literal["json", "events", "html"]

_WORKER_WRITE: Final = (
    E.ATTEMPT_REQUIRED,
    E.TASK_NOT_FOUND,
    E.STALE_ATTEMPT,
    E.WRONG_STATUS,
    E.NOT_TASK_WORKER,
)


class Route(Struct, frozen=True, kw_only=True):
    """One method on one path."""

    name: str
    method: Literal["GET", "POST"]
    path: str
    """With ``{taskId}`` where the id stands."""
    summary: str
    answer: Any
    status: int = 200
    body: type[requests.Request] | None = None
    query: type[requests.Request] | None = None
    codes: tuple[E, ...] = ()
    """What can go wrong beside the common errors."""
    scope: Scope = "read"
    media: Media = "json"
    body_limit: int = limits.BODY_BYTES
    uses: tuple[Literal["postgres", "redis"], ...] = ("postgres",)

    @property
    def may_wait(self) -> bool:
        """Whether a caller may ask for a late answer."""
        return any("wait_seconds" in kind.__struct_fields__ for kind in (self.body, self.query) if kind)

    @property
    def takes_task_id(self) -> bool:
        """Whether the path names a task."""
        return "{taskId}" in self.path


def _task(action: str = "") -> str:
    return f"{BASE_PATH}/{{taskId}}{action}"


REGISTER: Final = Route(
    name="register",
    method="POST",
    path=BASE_PATH,
    summary="Register a task",
    body=requests.RegisterTask,
    answer=answers.RegisteredTask,
    status=201,
    codes=(E.TASK_EXISTS, E.OUTCOME_UNKNOWN),
    scope="submit",
)
START: Final = Route(
    name="start",
    method="POST",
    path=_task("/start"),
    summary="Take this very task",
    body=requests.StartTask,
    answer=answers.StartedTask,
    codes=(E.TASK_NOT_FOUND, E.WRONG_STATUS),
    scope="work",
)
COMPLETE: Final = Route(
    name="complete",
    method="POST",
    path=_task("/complete"),
    summary="End a task with its result",
    body=requests.CompleteTask,
    answer=answers.EndedTask,
    codes=_WORKER_WRITE,
    scope="work",
)
FAIL: Final = Route(
    name="fail",
    method="POST",
    path=_task("/fail"),
    summary="End a task with an error",
    body=requests.FailTask,
    answer=answers.FailedTask,
    codes=_WORKER_WRITE,
    scope="work",
)
TIME_OUT: Final = Route(
    name="timeOut",
    method="POST",
    path=_task("/timeout"),
    summary="End a task as timed out now",
    body=requests.TimeOutTask,
    answer=answers.EndedTask,
    codes=(E.TASK_NOT_FOUND, E.WRONG_STATUS),
    scope="admin",
)
GET: Final = Route(
    name="get",
    method="GET",
    path=_task(),
    summary="A task with its history",
    query=requests.GetTaskQuery,
    answer=answers.Task,
    codes=(E.TASK_NOT_FOUND,),
)
PROGRESS: Final = Route(
    name="progress",
    method="POST",
    path=_task("/progress"),
    summary="Append to a task's progress",
    body=requests.ReportProgress,
    answer=answers.ReportedProgress,
    codes=(*_WORKER_WRITE, E.SEQ_GAP, E.HISTORY_FULL),
    scope="work",
    body_limit=limits.ARRAY_BODY_BYTES,
    uses=("postgres", "redis"),
)
TRACK: Final = Route(
    name="track",
    method="GET",
    path=_task("/track"),
    summary="Follow a task: its history, then each entry live, then how it ended",
    query=requests.TrackQuery,
    answer=None,
    codes=(E.TASK_NOT_FOUND,),
    media="events",
)
PROCESS_TIMEOUTS: Final = Route(
    name="processTimeouts",
    method="POST",
    path=f"{BASE_PATH}/timeouts/process",
    summary="End what is overdue now (detection is automatic)",
    body=requests.Nothing,
    answer=answers.ProcessedTimeouts,
    scope="admin",
)
CLAIM: Final = Route(
    name="claim",
    method="POST",
    path=f"{BASE_PATH}/claim",
    summary="Take the next task of any of these types, or null",
    body=requests.ClaimTask,
    answer=answers.Task | None,
    codes=(E.OUTCOME_UNKNOWN,),
    scope="work",
)
RELEASE: Final = Route(
    name="release",
    method="POST",
    path=_task("/release"),
    summary="Hand a task back to the queue",
    body=requests.ReleaseTask,
    answer=answers.ReleasedTask,
    codes=_WORKER_WRITE,
    scope="work",
)
RETRY: Final = Route(
    name="retry",
    method="POST",
    path=_task("/retry"),
    summary="Register a failed or timed-out task anew",
    body=requests.Nothing,
    answer=answers.RetriedTask,
    status=201,
    codes=(E.TASK_NOT_FOUND, E.WRONG_STATUS, E.ALREADY_RETRIED, E.OUTCOME_UNKNOWN),
    scope="submit",
)
HEARTBEAT: Final = Route(
    name="heartbeat",
    method="POST",
    path=_task("/heartbeat"),
    summary="Say that a task is still worked on",
    body=requests.HeartbeatTask,
    answer=answers.Heartbeat,
    codes=_WORKER_WRITE,
    scope="work",
)
CANCEL: Final = Route(
    name="cancel",
    method="POST",
    path=_task("/cancel"),
    summary="Say that a task is no longer wanted",
    body=requests.CancelTask,
    answer=answers.CancelledTask,
    codes=(E.TASK_NOT_FOUND, E.WRONG_STATUS),
    scope="submit",
)
LIST: Final = Route(
    name="list",
    method="GET",
    path=BASE_PATH,
    summary="Find tasks, newest first",
    query=requests.ListTasksQuery,
    answer=answers.TaskPage,
    codes=(E.INVALID_CURSOR,),
)
PROGRESS_PAGE: Final = Route(
    name="progressPage",
    method="GET",
    path=_task("/progress"),
    summary="A page of a task's history; waits for more where asked to",
    query=requests.ProgressQuery,
    answer=answers.ProgressPage,
    codes=(E.TASK_NOT_FOUND,),
)
STATS: Final = Route(
    name="stats",
    method="GET",
    path=f"{BASE_PATH}/stats",
    summary="Figures of all types",
    answer=answers.Stats,
)
EVENTS: Final = Route(
    name="events",
    method="GET",
    path="/api/v1/events",
    summary="Follow many tasks live",
    query=requests.EventsQuery,
    answer=None,
    media="events",
    uses=("redis",),
)


def _bulk(
    verb: str,
    summary: str,
    scope: Scope = "work",
    body: type[requests.Request] = requests.BulkItems,
    answer: Any = answers.BulkOutcomes,
) -> Route:
    return Route(
        name=f"bulk{verb.capitalize()}",
        method="POST",
        path=f"{BASE_PATH}/bulk/{verb}",
        summary=summary,
        body=body,
        answer=answer,
        codes=(E.OUTCOME_UNKNOWN,),
        scope=scope,
        body_limit=limits.ARRAY_BODY_BYTES,
        uses=("postgres", "redis") if verb == "progress" else ("postgres",),
    )


BULK_REGISTER: Final = _bulk("register", "Register up to 1,000 tasks", "submit", requests.BulkTasks)
BULK_CLAIM: Final = _bulk("claim", "Take up to 1,000 tasks", "work", requests.BulkClaim, answers.ClaimedTasks)
BULK_PROGRESS: Final = _bulk("progress", "Append to the progress of up to 1,000 tasks")
BULK_COMPLETE: Final = _bulk("complete", "Complete up to 1,000 tasks")
BULK_FAIL: Final = _bulk("fail", "Fail up to 1,000 tasks")
BULK_HEARTBEAT: Final = _bulk("heartbeat", "Say that up to 1,000 tasks are still worked on")
BULK_RELEASE: Final = _bulk("release", "Hand back up to 1,000 tasks")
BULK_CANCEL: Final = _bulk("cancel", "Cancel up to 1,000 tasks", "submit")
HEALTHZ: Final = Route(
    name="healthz",
    method="GET",
    path="/healthz",
    summary="The process answers",
    answer=answers.Health,
    scope="open",
    uses=(),
)
READYZ: Final = Route(
    name="readyz",
    method="GET",
    path="/readyz",
    summary="The process can serve (503 when PostgreSQL is away)",
    answer=answers.Readiness,
    scope="open",
    uses=(),
)
OPENAPI: Final = Route(
    name="openapi",
    method="GET",
    path="/openapi.json",
    summary="This document",
    answer=dict[str, Any],
    scope="open",
    uses=(),
)
DOCS: Final = Route(
    name="docs",
    method="GET",
    path="/docs",
    summary="This document as a page",
    answer=None,
    scope="open",
    media="html",
    uses=(),
)

ROUTES: Final[tuple[Route, ...]] = (
    REGISTER,
    START,
    COMPLETE,
    FAIL,
    TIME_OUT,
    GET,
    LIST,
    STATS,
    PROGRESS,
    TRACK,
    PROGRESS_PAGE,
    EVENTS,
    PROCESS_TIMEOUTS,
    CLAIM,
    RELEASE,
    RETRY,
    HEARTBEAT,
    CANCEL,
    BULK_REGISTER,
    BULK_CLAIM,
    BULK_PROGRESS,
    BULK_COMPLETE,
    BULK_FAIL,
    BULK_HEARTBEAT,
    BULK_RELEASE,
    BULK_CANCEL,
    HEALTHZ,
    READYZ,
    OPENAPI,
    DOCS,
)
