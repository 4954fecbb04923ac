"""What a query of the task list means."""

from datetime import UTC, datetime, timedelta
from typing import Final, get_args

import msgspec

from tasktracker_schema import limits
from tasktracker_schema.requests import ListTasksQuery
from tasktracker_schema.status import TaskStatus
from tasktracker_server.core import cursors
from tasktracker_server.core.lists import Listing, Place

_STATUSES: Final[tuple[str, ...]] = get_args(TaskStatus)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)
_START: Final = 0
_END: Final = 253_402_300_800_000
"""The year 10000."""


def listing(query: ListTasksQuery) -> Listing:
    """Which tasks a query asks for.

    Raises:
        InvalidCursor
    """
    until = _END if query.created_before is None else _milliseconds(query.created_before)
    if query.cursor is not None:
        before = cursors.read(query.cursor, filters(query))
    elif query.original_task_id is not None:
        before = Place(limits.ATTEMPT_MAX, 0)
    else:
        before = Place(until, 0)
    return Listing(
        statuses=_wanted(query),
        task_type=query.task_type,
        worker_id=query.worker_id,
        root=query.original_task_id,
        after=_START if query.created_after is None else _milliseconds(query.created_after),
        until=until,
        before=before,
        limit=query.limit or limits.LIST_LIMIT_DEFAULT,
        full=query.fields == "full",
    )


def filters(query: ListTasksQuery) -> bytes:
    """What a cursor is bound to: which tasks are listed, but not how many at once or how much of each."""
    times = [None if at is None else _milliseconds(at) for at in (query.created_after, query.created_before)]
    return msgspec.json.encode(
        [sorted(set(query.status or ())), query.task_type, query.worker_id, query.original_task_id, *times]
    )


def _wanted(query: ListTasksQuery) -> tuple[str, ...]:
    asked = query.status or _STATUSES
    return tuple(
        status
        for status in _STATUSES
        if status in asked and not (status == "pending" and query.worker_id is not None)
    )


def _milliseconds(at: datetime) -> int:
    """Since 1970, rounded up: stored times are whole, so both bounds mean the same as before."""
    return -((_EPOCH - at) // _MILLISECOND)
