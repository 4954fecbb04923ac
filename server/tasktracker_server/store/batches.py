"""Batches of guarded changes: one culprit spoils only itself, and a row in use is tried again."""

import asyncio
import logging
from collections.abc import Sequence
from typing import Any, Protocol, TypeVar

import msgspec
import psycopg
from psycopg import errors

from tasktracker_server.core.errors import Overloaded, TrackerError
from tasktracker_server.store.database import Database

log = logging.getLogger(__name__)


class Item(Protocol):
    """One change: says which task it is for."""

    id: str


I = TypeVar("I", bound=Item)  # noqa: E741 - the conventional name for an item type

Row = tuple[Any, ...]

_encode = msgspec.json.Encoder().encode
_BUSY_TRIES = 8
_STATEMENT_BYTES = 8 * 1024 * 1024
"""Of a statement for several tasks: ends carry histories of up to a megabyte each."""
_DATA_ERRORS = (psycopg.DataError, errors.IntegrityError, errors.ProgramLimitExceeded)


def items_json(items: Sequence[Any]) -> str:
    """A batch as the one parameter of its statement."""
    return _encode(items).decode()


async def decide(database: Database, name: str, items: Sequence[I]) -> dict[str, Row | TrackerError | None]:
    """Run a change that locks its rows with ``skip locked``, for at most one item a task.

    The answer has a row for each task that exists, ``None`` for each that does not, and an error for an
    item that could not be decided. A row that somebody else holds right now is tried again for a while:
    nobody waits inside a statement, so nobody can deadlock or hold up a whole batch.
    """
    outcome: dict[str, Row | TrackerError | None] = {}
    pending = list(items)
    for attempt in range(_BUSY_TRIES):
        decided = await _run(database, name, pending)
        outcome.update(decided)
        pending = [item for item in pending if item.id not in decided]
        if not pending:
            return outcome
        try:
            found = await database.fetch("exist", {"ids": [item.id for item in pending]})
        except TrackerError as error:
            return outcome | {item.id: error for item in pending}
        busy = {row[0] for row in found}
        outcome.update({item.id: None for item in pending if item.id not in busy})
        pending = [item for item in pending if item.id in busy]
        if not pending:
            return outcome
        await asyncio.sleep(0.005 * 2**attempt)
    outcome.update(
        {item.id: Overloaded("The task is being changed by a long transaction.") for item in pending}
    )
    return outcome


async def _run(database: Database, name: str, items: Sequence[I]) -> dict[str, Row | TrackerError]:
    encoded = _encode(items)
    if len(encoded) > _STATEMENT_BYTES and len(items) > 1:
        return await _run_halves(database, name, items)
    params = {"items": encoded.decode(), "ids": [item.id for item in items]}
    try:
        return {row[0]: row for row in await database.fetch(name, params)}
    except TrackerError as error:
        return {item.id: error for item in items}
    except _DATA_ERRORS as error:
        if len(items) == 1 and isinstance(error, errors.UniqueViolation):
            return {}  # somebody was faster by this moment: it is decided anew on what they made
        if len(items) == 1:
            log.exception("%s cannot be stored", items[0].id, extra={"action": "unstorable"})
            return {items[0].id: _unstorable(error)}
        return await _run_halves(database, name, items)


async def _run_halves(database: Database, name: str, items: Sequence[I]) -> dict[str, Row | TrackerError]:
    middle = len(items) // 2
    return await _run(database, name, items[:middle]) | await _run(database, name, items[middle:])


def _unstorable(error: psycopg.Error) -> TrackerError:
    return TrackerError(f"PostgreSQL refused the value ({error.sqlstate}).")
