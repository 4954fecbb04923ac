"""What can be done to one task, or in one bulk call to many."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final, NamedTuple, TypeAlias

from tasktracker_schema import answers, requests, routes
from tasktracker_schema.answers import Answer
from tasktracker_server.core import opaque
from tasktracker_server.core.opaque import Entry
from tasktracker_server.core.steps import Steps
from tasktracker_server.http.bodies import BodyReader
from tasktracker_server.http.calls import Call
from tasktracker_server.http.options import HttpOptions
from tasktracker_server.http.ports import Verbs


class Wish(NamedTuple):
    """What the body of an act says."""

    fields: Any
    """The call's request struct."""
    entries: Sequence[Entry] = ()
    """Its progress, read."""


Read: TypeAlias = Callable[[bytes, HttpOptions], Steps[Wish]]


class Act(NamedTuple):
    """One verb: how its body is read, and who does it."""

    route: routes.Route
    bulk_route: routes.Route
    read: Read
    run: Callable[[Verbs, Call, str, Wish], Awaitable[Answer]]


def _plain(reader: BodyReader[Any]) -> Read:
    def read(body: bytes, options: HttpOptions) -> Steps[Wish]:
        return Wish((yield from reader.in_steps(body)))

    return read


def _with_entries(reader: BodyReader[Any], *, required: bool = False) -> Read:
    def read(body: bytes, options: HttpOptions) -> Steps[Wish]:
        fields = yield from reader.in_steps(body)
        if not required and bytes(fields.progress) in (b"", b"null"):
            return Wish(fields)
        entries = yield from opaque.entries_in_steps(fields.progress, options.progress_entry_limit)
        return Wish(fields, entries)

    return read


async def _register(verbs: Verbs, call: Call, task_id: str, wish: Wish) -> Answer:
    return await verbs.tasks.register(wish.fields)


async def _progress(verbs: Verbs, call: Call, task_id: str, wish: Wish) -> Answer:
    wanted = wish.fields
    call.check_identity(wanted.worker_id, wanted.attempt)
    return await verbs.progress.report(task_id, wish.entries, wanted.worker_id, wanted.attempt)


async def _complete(verbs: Verbs, call: Call, task_id: str, wish: Wish) -> Answer:
    call.check_identity(wish.fields.worker_id, wish.fields.attempt)
    return await verbs.finishing.complete(task_id, wish.fields, wish.entries)


async def _fail(verbs: Verbs, call: Call, task_id: str, wish: Wish) -> Answer:
    call.check_identity(wish.fields.worker_id, wish.fields.attempt)
    return await verbs.finishing.fail(task_id, wish.fields, wish.entries)


async def _heartbeat(verbs: Verbs, call: Call, task_id: str, wish: Wish) -> Answer:
    call.check_identity(wish.fields.worker_id, wish.fields.attempt)
    return await verbs.leases.heartbeat(task_id, wish.fields)


async def _release(verbs: Verbs, call: Call, task_id: str, wish: Wish) -> Answer:
    call.check_identity(wish.fields.worker_id, wish.fields.attempt)
    return await verbs.leases.release(task_id, wish.fields)


async def _cancel(verbs: Verbs, call: Call, task_id: str, wish: Wish) -> Answer:
    return await verbs.finishing.cancel(task_id, wish.fields)


def next_of(answer: Answer) -> answers.Task | None:
    """What was claimed along with an end."""
    found = getattr(answer, "next", None)
    return found if isinstance(found, answers.Task) else None


ACTS: Final = (
    Act(
        routes.REGISTER,
        routes.BULK_REGISTER,
        _plain(
            BodyReader(requests.RegisterTask, metadata=opaque.object_or_none, params=opaque.object_or_none)
        ),
        _register,
    ),
    Act(
        routes.PROGRESS,
        routes.BULK_PROGRESS,
        _with_entries(BodyReader(requests.ReportProgress, array="progress"), required=True),
        _progress,
    ),
    Act(
        routes.COMPLETE,
        routes.BULK_COMPLETE,
        _with_entries(BodyReader(requests.CompleteTask, result=opaque.json_or_none)),
        _complete,
    ),
    Act(
        routes.FAIL,
        routes.BULK_FAIL,
        _with_entries(BodyReader(requests.FailTask, error=opaque.json_or_none)),
        _fail,
    ),
    Act(routes.HEARTBEAT, routes.BULK_HEARTBEAT, _plain(BodyReader(requests.HeartbeatTask)), _heartbeat),
    Act(routes.RELEASE, routes.BULK_RELEASE, _plain(BodyReader(requests.ReleaseTask)), _release),
    Act(routes.CANCEL, routes.BULK_CANCEL, _plain(BodyReader(requests.CancelTask)), _cancel),
)
