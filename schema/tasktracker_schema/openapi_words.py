"""The words and examples of the OpenAPI document."""

from typing import Any, Final

from tasktracker_schema import __version__, limits
from tasktracker_schema.errors import ErrorCode as E

INTRODUCTION: Final = """\
Task Tracker keeps long-running tasks: programs register them, workers claim and finish them, and anyone
may follow one live.

JSON in UTF-8, camelCase. Times are ISO 8601 in UTC with milliseconds; whole numbers are written as such
(`60`, not `60.0`), and no text holds U+0000. `null` counts as absent, unknown fields are ignored. Every
error has the shape of `ErrorBody`; its `code` never changes its meaning. Every answer carries
`X-Request-Id`; one of the caller's own is kept.\
"""

_EACH: Final = "Each item is the body of the single call with its `taskId`. A bad one spoils only itself."

OPERATIONS: Final[dict[str, str]] = {
    "register": (
        "Adds a task to the queue of its type. With a `taskId` of one's own a repeat is safe: it is answered"
        " 409 `task_exists`, whose details say whether the existing task was registered by the same request."
    ),
    "start": (
        "Takes this very task out of the queue, as a claim does. What comes back as `attempt` belongs into"
        " every later write for it. A repeat is refused with `status`, `workerId` and `attempt` in details."
    ),
    "complete": (
        "Ends the task with a result. A repeat by the same worker and attempt is answered as the first time;"
        " the first result stands."
    ),
    "fail": (
        "Ends the task with an error. While retries are left (`maxRetries`) a new task takes its place, later"
        " each time; `retry: false` ends it for good."
    ),
    "timeOut": "Ends a task as timed out before its time. What is overdue is detected without this.",
    "get": (
        "The task with the newest 10,000 entries of its history. `progressHistory` is null, not empty, where"
        " live history can't be read at the moment."
    ),
    "list": (
        "The tasks that fit all filters, newest first; `status` may be repeated, and `originalTaskId` finds"
        " the root of a chain beside its retries. A page holds 50 tasks, or"
        " `limit` up to 500; it may hold fewer, even none, where tasks are large or rare: the list ends only"
        " where `nextCursor` is null. A cursor goes with its filters. Rows have no `progressHistory`; without"
        " `fields=full` no `metadata`, `params`, `result` and `error` either, and never a `lastProgress` of"
        " more than 1 KiB."
    ),
    "stats": (
        "How many tasks are unfinished, for how many seconds the oldest that may be claimed has been waiting,"
        " and what happened in the last 60 minutes, together and for the 1,000 busiest types. The figures"
        " may be a second old, or a few where very many tasks are unfinished."
    ),
    "progress": (
        "Appends one entry, or up to 1,000 in order, all or none. Each gets the next number of the task as"
        " its `seqId`. An object may carry its own `seqId` (in an array all or none, consecutive): then a"
        " repeat is acknowledged and not appended again."
    ),
    "track": (
        "An event stream (SSE): the history after `afterSeqId`, then each entry as it is accepted, exactly"
        " once and in order, then one final `status_change`, after which the stream ends. A stream that ends"
        " without it was cut: connect again with `Last-Event-ID`. Comment lines are heartbeats."
    ),
    "progressPage": (
        "What a stream tells, page by page, for callers whose proxies hold streams back. Entries after"
        " `afterSeqId` are answered at once; where there are none yet, `waitSeconds` waits for the first."
        " Go on after the last entry, or the last gap, until `final`. A page has 1 MiB at most."
    ),
    "events": (
        "An event stream (SSE) of these tasks, of all tasks of these types, or, without any, of all tasks:"
        " `ready` first, then every change of state, ends included, and with `progress` every entry. `taskId`"
        " and `taskType` may be repeated. Live only: a stream that ends has missed something, for example"
        " because its reader was slow. Connect again, wait for `ready`, and read anew what you show."
    ),
    "processTimeouts": "Ends the tasks whose time is up. This happens by itself; calling it is never needed.",
    "claim": (
        "The next task in the hands of this worker: the highest priority first, then the oldest. With"
        " `waitSeconds` the call waits and is answered as soon as there is one, on whichever instance. Where"
        " there is none the answer is the JSON text `null`. A repeat with the same `claimId` gets the"
        " same task again. Who hangs up before the answer gets nothing: the task is claimable again at once."
    ),
    "release": (
        "Puts the task back to its old place in the queue. History and attempt stay; another worker goes on."
    ),
    "retry": "Registers a failed or timed-out task anew; one unfinished task per chain of retries.",
    "heartbeat": (
        "Extends the lease; `leaseSeconds` gives it another length. Progress extends it too, so a worker that"
        " reports often needs none. The answer says whether somebody wants the task cancelled. Without a"
        " lease this only looks."
    ),
    "cancel": (
        "A pending task ends at once, as failed with `error.code` `cancelled`. One that is being worked on is"
        " flagged: its worker is told in every answer to progress and heartbeats, and ends it; complete still"
        " wins. A repeat is answered as the first time."
    ),
    "bulkRegister": "Each element as the body of the single call. A bad one spoils only itself.",
    "bulkClaim": (
        "Up to `limit` tasks in the hands of this worker, the highest priority first, then the oldest. With"
        " `waitSeconds` the call waits for the first, never for more. An answer that is lost is found again"
        " by the lease only: claim with `leaseSeconds`."
    ),
    "bulkProgress": f"{_EACH} Several for one task are appended in their order.",
    "bulkComplete": _EACH,
    "bulkFail": _EACH,
    "bulkHeartbeat": _EACH,
    "bulkRelease": _EACH,
    "bulkCancel": _EACH,
    "healthz": "Answers as long as the process runs.",
    "readyz": "503 while PostgreSQL is away. Redis away is still ready: what needs it says so.",
    "openapi": "OpenAPI 3.1.",
    "docs": "For people.",
}

DEFAULTS: Final[dict[str, Any]] = {
    "timeoutSeconds": limits.TIMEOUT_SECONDS_DEFAULT,
    "priority": 0,
    "maxRetries": 0,
    "waitSeconds": 0,
    "retry": True,
    "progress": True,
    "afterSeqId": 0,
    "ignoreHistory": False,
    "lifecycle": False,
    "named": True,
    "heartbeatSeconds": limits.HEARTBEAT_SECONDS_DEFAULT,
    "ProgressQuery.limit": limits.PROGRESS_LIMIT_DEFAULT,
    "EventsQuery.progress": False,
}
"""What a field that was left out means, by its name; one struct's own meaning goes before."""

FIELDS: Final[dict[str, str]] = {
    "metadata": "An object of the caller's, kept by meaning",
    "params": "What the worker needs to know",
    "result": "What the work gave: any JSON",
    "error": "Why it failed: any JSON",
    "timeoutSeconds": "The task times out so long after it was created, or after `runAt`",
    "priority": "Higher ones are claimed first",
    "runAt": "Not claimed before this time; at most a year ahead",
    "maxRetries": "How many failures are followed by a new task",
    "maxAttempts": "After so many attempts a lost lease fails the task",
    "next": "Claim another task for the same worker, who has to be named, in the same call",
    "reason": "Why; it becomes the error's message",
    "items": "1 to 1,000",
    "tasks": "1 to 1,000",
    "leaseSeconds": "The task goes back to the queue when nothing is heard of its worker for so long",
    "waitSeconds": "How long the call may wait for something to answer",
    "retry": "Whether a new task may take its place",
    "progress": "One entry, or an array of them",
    "GetTaskQuery.progress": "Whether the answer has the task's history",
    "EventsQuery.progress": "Tell progress too; `taskId` or `taskType` has to say whose",
    "afterSeqId": "Entries up to this number are left out",
    "ignoreHistory": "Leave out all history; wins over `afterSeqId`",
    "lifecycle": "Tell every change of state, not only the last",
    "createdAfter": "Registered at this time or later",
    "createdBefore": "Registered before this time",
    "limit": "How many at most",
    "cursor": "`nextCursor` of the page before, as it came",
    "fields": "`full`: with metadata, params, result and error",
    "named": "Whether events carry an `event:` line; without it a page's `onmessage` gets them",
    "heartbeatSeconds": "A comment line is sent after so much silence",
}

CODES: Final[dict[E, str]] = {
    E.INVALID_JSON: "The body is not JSON in UTF-8.",
    E.INVALID_REQUEST: "A field of body, path or query is missing or out of bounds; the message names it.",
    E.INVALID_CURSOR: "The cursor does not belong to these filters.",
    E.ATTEMPT_REQUIRED: "This service wants `workerId` and `attempt` on every write of a worker.",
    E.UNAUTHORIZED: "No key was sent, or an unknown one.",
    E.FORBIDDEN: "The key may not do this.",
    E.NOT_TASK_WORKER: "Another worker has the task.",
    E.ORIGIN_NOT_ALLOWED: "A page of this origin may not call the service.",
    E.TASK_NOT_FOUND: "There is no such task.",
    E.ROUTE_NOT_FOUND: "Nothing answers at this path.",
    E.METHOD_NOT_ALLOWED: "The path does not take this method; `Allow` lists those it takes.",
    E.TASK_EXISTS: "The id is taken.",
    E.WRONG_STATUS: "The task's status does not allow this; details say what it is.",
    E.STALE_ATTEMPT: "The task was handed on since: this attempt is over, stop working on it.",
    E.SEQ_GAP: "The entry's own number is not the next one; details say which is.",
    E.ALREADY_RETRIED: "The chain has an unfinished task; details name it.",
    E.TOO_LARGE: "The body, or one entry, is over its limit.",
    E.HISTORY_FULL: "The history is at its limit; the task can still be ended.",
    E.UNSUPPORTED_ENCODING: "Compressed bodies are not read.",
    E.RATE_LIMITED: "Too many calls; wait for `Retry-After`.",
    E.INTERNAL_ERROR: "The service failed; the request id finds the reason in its log.",
    E.OVERLOADED: "More is waiting than can be done in time; nothing was done.",
    E.POSTGRES_UNAVAILABLE: "The database does not answer; nothing was done.",
    E.REDIS_UNAVAILABLE: "The live store does not answer; nothing was done.",
    E.SHUTTING_DOWN: "This instance is ending; nothing was done, another one takes the call.",
    E.OUTCOME_UNKNOWN: "The database went away while this was decided: look before repeating it.",
}

_AT: Final = "2026-01-31T12:00:00.000Z"
_TASK: Final[dict[str, Any]] = {
    "id": "enc-1",
    "taskType": "video.encode",
    "status": "in_progress",
    "metadata": None,
    "params": {"src": "a.mov"},
    "result": None,
    "error": None,
    "progressHistory": [{"seqId": 1, "percent": 42}],
    "timeoutSeconds": 86400,
    "workerId": "w1",
    "originalTaskId": None,
    "retryCount": 0,
    "createdAt": _AT,
    "updatedAt": _AT,
    "startedAt": _AT,
    "completedAt": None,
    "timeoutAt": "2026-02-01T12:00:00.000Z",
    "attempt": 1,
    "maxAttempts": None,
    "priority": 0,
    "runAt": None,
    "leaseExpiresAt": None,
    "maxRetries": 0,
    "cancelRequestedAt": None,
    "newTaskId": None,
    "lastSeqId": 1,
    "lastProgress": {"seqId": 1, "timestamp": _AT, "data": {"seqId": 1, "percent": 42}},
}
_LARGE: Final = {"progressHistory", "metadata", "params", "result", "error"}
_ROW: Final = {name: value for name, value in _TASK.items() if name not in _LARGE}
_FIGURES: Final[dict[str, Any]] = {
    "counts": {"pending": 12, "in_progress": 4},
    "oldestPendingSeconds": 3.2,
    "lastHour": {"registered": 120, "completed": 118, "failed": 1, "timeout": 0},
}
_HELD: Final = {"workerId": "w1", "attempt": 1}

BODIES: Final[dict[str, Any]] = {
    "register": {"taskType": "video.encode", "taskId": "enc-1", "params": {"src": "a.mov"}},
    "start": {"workerId": "w1"},
    "complete": {**_HELD, "result": {"dst": "a.mp4"}},
    "fail": {**_HELD, "error": {"message": "no such codec"}},
    "timeOut": {},
    "progress": {**_HELD, "progress": {"percent": 42}},
    "processTimeouts": {},
    "claim": {"taskTypes": ["video.encode"], "workerId": "w1", "waitSeconds": 30, "leaseSeconds": 60},
    "release": _HELD,
    "retry": {},
    "heartbeat": {**_HELD, "leaseSeconds": 60},
    "cancel": {"reason": "the user closed the page"},
    "bulkRegister": {"tasks": [{"taskType": "video.encode", "taskId": "enc-1"}]},
    "bulkClaim": {
        "taskTypes": ["video.encode"],
        "workerId": "w1",
        "limit": 100,
        "waitSeconds": 30,
        "leaseSeconds": 60,
    },
    "bulkProgress": {"items": [{"taskId": "enc-1", **_HELD, "progress": {"percent": 42}}]},
    "bulkComplete": {"items": [{"taskId": "enc-1", **_HELD, "result": {"dst": "a.mp4"}}]},
    "bulkFail": {"items": [{"taskId": "enc-1", **_HELD, "error": {"message": "no such codec"}}]},
    "bulkHeartbeat": {"items": [{"taskId": "enc-1", **_HELD}]},
    "bulkRelease": {"items": [{"taskId": "enc-1", **_HELD}]},
    "bulkCancel": {"items": [{"taskId": "enc-1"}]},
}
ANSWERS: Final[dict[str, Any]] = {
    "register": {"taskId": "enc-1", "status": "pending", "createdAt": _AT, "timeoutAt": _TASK["timeoutAt"]},
    "start": {
        "taskId": "enc-1",
        "status": "in_progress",
        "updatedAt": _AT,
        "attempt": 1,
        "leaseExpiresAt": None,
    },
    "complete": {"taskId": "enc-1", "status": "completed", "updatedAt": _AT},
    "fail": {"taskId": "enc-1", "status": "failed", "updatedAt": _AT, "newTaskId": None},
    "timeOut": {"taskId": "enc-1", "status": "timeout", "updatedAt": _AT},
    "get": _TASK,
    "list": {"tasks": [_ROW], "nextCursor": None},
    "stats": {
        **_FIGURES,
        "types": [{"taskType": "video.encode", **_FIGURES}],
    },
    "progress": {
        "taskId": "enc-1",
        "seqId": 1,
        "timestamp": _AT,
        "firstSeqId": 1,
        "cancelRequested": False,
    },
    "progressPage": {
        "taskId": "enc-1",
        "entries": [{"seqId": 5, "timestamp": _AT, "data": {"seqId": 5, "percent": 42}}],
        "lastSeqId": 5,
        "status": "in_progress",
        "final": False,
    },
    "processTimeouts": {"processedCount": 0},
    "claim": _TASK,
    "release": {"taskId": "enc-1", "status": "pending", "message": "The task is back in the queue."},
    "retry": {"newTaskId": "enc-2", "originalTaskId": "enc-1", "status": "pending", "retryCount": 1},
    "heartbeat": {
        "taskId": "enc-1",
        "status": "in_progress",
        "leaseExpiresAt": _AT,
        "timeoutAt": _TASK["timeoutAt"],
        "cancelRequested": False,
    },
    "cancel": {"taskId": "enc-1", "status": "in_progress", "updatedAt": _AT, "cancelRequested": True},
    "bulkClaim": {"tasks": [{name: value for name, value in _TASK.items() if name != "progressHistory"}]},
    "bulkComplete": {
        "results": [{"statusCode": 200, "taskId": "enc-1", "status": "completed", "updatedAt": _AT}],
        "failedCount": 0,
    },
    "healthz": {"status": "ok", "version": __version__},
    "readyz": {"status": "ready", "postgres": "ok", "redis": "ok"},
}
STREAMS: Final = {
    "track": (
        "retry: 2000\nid: 0\n\n"
        'id: 1\nevent: progress\ndata: {"event":"progress","data":{"seqId":1,"percent":42},"taskId":"enc-1",'
        f'"timestamp":"{_AT}"}}\n\n'
        ":\n"
        'id: 1.completed\nevent: status_change\ndata: {"event":"status_change","data":{"status":"completed",'
        f'"result":{{"dst":"a.mp4"}}}},"taskId":"enc-1","timestamp":"{_AT}"}}\n\n'
    ),
    "events": (
        'retry: 2000\nevent: ready\ndata: {"event":"ready","data":{"taskIds":[],"taskTypes":["video.encode"],'
        '"progress":false}}\n\n'
        ":\n"
        'event: status_change\ndata: {"event":"status_change","data":{"status":"in_progress","final":false,'
        '"reason":"claimed","workerId":"w1","attempt":1,"cancelRequested":false},"taskId":"enc-1",'
        f'"timestamp":"{_AT}","taskType":"video.encode"}}\n\n'
    ),
}
