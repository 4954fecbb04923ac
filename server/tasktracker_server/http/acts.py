"""What can be done to one task, or in one bulk call to many."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final, NamedTuple

from msgspec import Raw

from tasktracker_schema import answers, requests, routes
from tasktracker_schema.answers import Answer
from tasktracker_server.core import opaque
from tasktracker_server.core.opaque import Entry
from tasktracker_server.http.bodies import BodyReader
from tasktracker_server.http.calls import Call
from tasktracker_server.http.ports import Verbs


class Act(NamedTuple):
    """One verb: how its body is read, and who does it."""

    route: routes.Route
    bulk_route: routes.Route
    read: BodyReader[Any]
    run: Callable[[Verbs, Call, str, Any], Awaitable[Answer]]


async def _register(verbs: Verbs, call: Call, task_id: str, wanted: requests.RegisterTask) -> Answer:
    return await verbs.tasks.register(wanted)


async def _progress(verbs: Verbs, call: Call, task_id: str, wanted: requests.ReportProgress) -> Answer:
    call.check_identity(wanted.worker_id, wanted.attempt)
    entries = opaque.entries(wanted.progress, call.options.progress_entry_limit)
    return await verbs.progress.report(task_id, entries, wanted.worker_id, wanted.attempt)


async def _complete(verbs: Verbs, call: Call, task_id: str, wanted: requests.CompleteTask) -> Answer:
    call.check_identity(wanted.worker_id, wanted.attempt)
    return await verbs.finishing.complete(task_id, wanted, _last_entries(wanted.progress, call))


async def _fail(verbs: Verbs, call: Call, task_id: str, wanted: requests.FailTask) -> Answer:
    call.check_identity(wanted.worker_id, wanted.attempt)
    return await verbs.finishing.fail(task_id, wanted, _last_entries(wanted.progress, call))


async def _heartbeat(verbs: Verbs, call: Call, task_id: str, wanted: requests.HeartbeatTask) -> Answer:
    call.check_identity(wanted.worker_id, wanted.attempt)
    return await verbs.leases.heartbeat(task_id, wanted)


async def _release(verbs: Verbs, call: Call, task_id: str, wanted: requests.ReleaseTask) -> Answer:
    call.check_identity(wanted.worker_id, wanted.attempt)
    return await verbs.leases.release(task_id, wanted)


async def _cancel(verbs: Verbs, call: Call, task_id: str, wanted: requests.CancelTask) -> Answer:
    return await verbs.finishing.cancel(task_id, wanted)


def _last_entries(raw: Raw, call: Call) -> Sequence[Entry]:
    if bytes(raw) in (b"", b"null"):
        return ()
    return opaque.entries(raw, call.options.progress_entry_limit)


def next_of(answer: Answer) -> answers.Task | None:
    """What was claimed along with an end."""
    found = getattr(answer, "next", None)
    return found if isinstance(found, answers.Task) else None


ACTS: Final = (
    Act(
        routes.REGISTER,
        routes.BULK_REGISTER,
        BodyReader(requests.RegisterTask, metadata=opaque.object_or_none, params=opaque.object_or_none),
        _register,
    ),
    Act(routes.PROGRESS, routes.BULK_PROGRESS, BodyReader(requests.ReportProgress), _progress),
    Act(
        routes.COMPLETE,
        routes.BULK_COMPLETE,
        BodyReader(requests.CompleteTask, result=opaque.json_or_none),
        _complete,
    ),
    Act(routes.FAIL, routes.BULK_FAIL, BodyReader(requests.FailTask, error=opaque.json_or_none), _fail),
    Act(routes.HEARTBEAT, routes.BULK_HEARTBEAT, BodyReader(requests.HeartbeatTask), _heartbeat),
    Act(routes.RELEASE, routes.BULK_RELEASE, BodyReader(requests.ReleaseTask), _release),
    Act(routes.CANCEL, routes.BULK_CANCEL, BodyReader(requests.CancelTask), _cancel),
)
