"""Endpoints of acts: about one task, or about many with an outcome for each."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any, Final, NamedTuple

import msgspec

from tasktracker_schema import answers, routes
from tasktracker_schema.names import TaskId
from tasktracker_schema.requests import BulkItems, BulkTasks, Request
from tasktracker_server.core.errors import TooLarge, TrackerError
from tasktracker_server.core.steps import Steps
from tasktracker_server.http.acts import Act, Wish, next_of
from tasktracker_server.http.answers import JSON, Reply, answered, broken, refused
from tasktracker_server.http.bodies import BodyReader
from tasktracker_server.http.calls import Call
from tasktracker_server.http.options import HttpOptions

log = logging.getLogger(__name__)

_encode: Final = msgspec.json.Encoder().encode
_read_items: Final = BodyReader(BulkItems, array="items").in_steps
_read_tasks: Final = BodyReader(BulkTasks, array="tasks").in_steps


class _Named(Request, frozen=True, kw_only=True):
    task_id: TaskId


_read_name: Final = BodyReader(_Named, array="progress").in_steps


class Item(NamedTuple):
    """One item of a bulk call, read."""

    task_id: str | None
    wish: Wish | TrackerError
    """What is wanted, or why that cannot be read."""


class _Outcome(NamedTuple):
    body: bytes
    failed: bool
    claimed: answers.Task | None = None


def one(act: Act) -> Callable[[Call], Awaitable[Reply]]:
    """The endpoint for a single task."""
    run, read, status = act.run, act.read, act.route.status

    async def endpoint(call: Call) -> Reply:
        wish = await call.turns.run(read(call.body, call.options))
        answer = await run(call.service.single, call, call.task_id, wish)
        reply = answered(answer, status, _location(answer) if status == routes.REGISTER.status else ())
        claimed = next_of(answer)
        if claimed is None:
            return reply
        return msgspec.structs.replace(reply, undelivered=partial(_give_back, call, [claimed]))

    return endpoint


def _location(answer: answers.Answer) -> tuple[tuple[str, str], ...]:
    return (("Location", f"{routes.BASE_PATH}/{getattr(answer, 'task_id', '')}"),)


def many(act: Act) -> Callable[[Call], Awaitable[Reply]]:
    """The endpoint for many: all are asked at once, so that they share a statement."""

    async def endpoint(call: Call) -> Reply:
        field = "tasks" if act.route is routes.REGISTER else "items"
        items = await call.turns.run(read_items(act, call.body, call.options))
        outcomes = await asyncio.gather(
            *(_outcome(act, call, item, f"$.{field}[{at}]") for at, item in enumerate(items))
        )
        failed = sum(outcome.failed for outcome in outcomes)
        body = b'{"results":[%b],"failedCount":%d}' % (b",".join(each.body for each in outcomes), failed)
        claimed = [each.claimed for each in outcomes if each.claimed is not None]
        undelivered = partial(_give_back, call, claimed) if claimed else None
        return Reply(200, body, (), JSON, undelivered)

    return endpoint


def read_items(act: Act, body: bytes, options: HttpOptions) -> Steps[list[Item]]:
    """The items of a bulk call's body; each says for itself what is wrong with it."""
    if act.route is routes.REGISTER:
        elements = (yield from _read_tasks(body)).tasks
    else:
        elements = (yield from _read_items(body)).items
    items: list[Item] = []
    for element in elements:
        items.append((yield from _read(act, options, bytes(element))))
        yield
    return items


def _read(act: Act, options: HttpOptions, raw: bytes) -> Steps[Item]:
    task_id: str | None = None
    try:
        if len(raw) > options.body_limit and act.route.body_limit < act.bulk_route.body_limit:
            raise TooLarge(f"`$` has {len(raw):,} bytes; one item may have {options.body_limit:,}.")
        task_id = yield from _task_id(act, raw)
        return Item(task_id, (yield from act.read(raw, options)))
    except TrackerError as error:
        return Item(task_id, error)


async def _outcome(act: Act, call: Call, item: Item, place: str) -> _Outcome:
    try:
        if isinstance(item.wish, TrackerError):
            raise item.wish
        answer = await act.run(call.service.bulk, call, item.task_id or "", item.wish)
    except TrackerError as error:
        error.message = error.message.replace("`$", f"`{place}", 1).replace("The body ", f"`{place}` ", 1)
        return _Outcome(_with(refused(error, call.request_id).body, b"taskId", item.task_id), True)
    except Exception:
        log.exception("an item of %s failed", act.bulk_route.name, extra={"request_id": call.request_id})
        return _Outcome(_with(broken(call.request_id).body, b"taskId", item.task_id), True)
    return _Outcome(_with(_encode(answer), b"statusCode", act.route.status), False, next_of(answer))


def _task_id(act: Act, raw: bytes) -> Steps[str | None]:
    """The task an item is about; registering may leave its choice to the service."""
    try:
        return (yield from _read_name(raw)).task_id
    except TrackerError:
        if act.route is routes.REGISTER:
            return None
        raise


def _with(body: bytes, name: bytes, value: Any) -> bytes:
    """A JSON object with one more member in front."""
    return b'{"%b":%b,%b' % (name, _encode(value), body[1:])


async def _give_back(call: Call, claimed: Sequence[answers.Task]) -> None:
    await call.service.claims.give_back(claimed)
