"""Endpoints of acts: about one task, or about many with an outcome for each."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from functools import partial
from typing import Any, Final, NamedTuple

import msgspec
from msgspec import Raw

from tasktracker_schema import answers, routes
from tasktracker_schema.names import TaskId
from tasktracker_schema.requests import BulkItems, BulkTasks, Request
from tasktracker_server.core.errors import TooLarge, TrackerError
from tasktracker_server.http.acts import Act, next_of
from tasktracker_server.http.answers import JSON, Reply, answered, broken, refused
from tasktracker_server.http.bodies import BodyReader
from tasktracker_server.http.calls import Call

log = logging.getLogger(__name__)

_encode: Final = msgspec.json.Encoder().encode
_TURN_SECONDS: Final = 0.02
_read_items: Final = BodyReader(BulkItems)
_read_tasks: Final = BodyReader(BulkTasks)


class _Named(Request, frozen=True, kw_only=True):
    task_id: TaskId


_read_name: Final = BodyReader(_Named)


class _Wish(NamedTuple):
    task_id: str | None
    body: Any
    """As the act reads it, or why it cannot be read."""


class _Outcome(NamedTuple):
    body: bytes
    failed: bool
    claimed: answers.Task | None = None


def one(act: Act) -> Callable[[Call], Awaitable[Reply]]:
    """The endpoint for a single task."""
    run, read, status = act.run, act.read, act.route.status

    async def endpoint(call: Call) -> Reply:
        answer = await run(call.service.single, call, call.task_id, read(call.body))
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
        items, field = _elements(act, call.body)
        wishes = [wish async for wish in _read_in_turns(act, call, items)]
        outcomes = await asyncio.gather(
            *(_outcome(act, call, wish, f"$.{field}[{at}]") for at, wish in enumerate(wishes))
        )
        failed = sum(outcome.failed for outcome in outcomes)
        body = b'{"results":[%b],"failedCount":%d}' % (b",".join(each.body for each in outcomes), failed)
        claimed = [each.claimed for each in outcomes if each.claimed is not None]
        undelivered = partial(_give_back, call, claimed) if claimed else None
        return Reply(200, body, (), JSON, undelivered)

    return endpoint


def _elements(act: Act, body: bytes) -> tuple[list[Raw], str]:
    if act.route is routes.REGISTER:
        return _read_tasks(body).tasks, "tasks"
    return _read_items(body).items, "items"


async def _read_in_turns(act: Act, call: Call, items: Sequence[Raw]) -> AsyncIterator[_Wish]:
    """Read items; now and then others have their turn, for sixteen mebibytes take a while."""
    loop = asyncio.get_running_loop()
    until = loop.time() + _TURN_SECONDS
    for item in items:
        yield _read(act, call, bytes(item))
        if loop.time() > until:
            await asyncio.sleep(0)
            until = loop.time() + _TURN_SECONDS


def _read(act: Act, call: Call, raw: bytes) -> _Wish:
    task_id: str | None = None
    try:
        if len(raw) > call.options.body_limit and act.route.body_limit < act.bulk_route.body_limit:
            raise TooLarge(f"`$` has {len(raw):,} bytes; one item may have {call.options.body_limit:,}.")
        task_id = _task_id(act, raw)
        return _Wish(task_id, act.read(raw))
    except TrackerError as error:
        return _Wish(task_id, error)


async def _outcome(act: Act, call: Call, wish: _Wish, place: str) -> _Outcome:
    try:
        if isinstance(wish.body, TrackerError):
            raise wish.body
        answer = await act.run(call.service.bulk, call, wish.task_id or "", wish.body)
    except TrackerError as error:
        error.message = error.message.replace("`$", f"`{place}", 1).replace("The body ", f"`{place}` ", 1)
        return _Outcome(_with(refused(error, call.request_id).body, b"taskId", wish.task_id), True)
    except Exception:
        log.exception("an item of %s failed", act.bulk_route.name, extra={"request_id": call.request_id})
        return _Outcome(_with(broken(call.request_id).body, b"taskId", wish.task_id), True)
    return _Outcome(_with(_encode(answer), b"statusCode", act.route.status), False, next_of(answer))


def _task_id(act: Act, raw: bytes) -> str | None:
    """The task an item is about; registering may leave its choice to the service."""
    try:
        return _read_name(raw).task_id
    except TrackerError:
        if act.route is routes.REGISTER:
            return None
        raise


def _with(body: bytes, name: bytes, value: Any) -> bytes:
    """A JSON object with one more member in front."""
    return b'{"%b":%b,%b' % (name, _encode(value), body[1:])


async def _give_back(call: Call, claimed: Sequence[answers.Task]) -> None:
    await call.service.claims.give_back(claimed)
