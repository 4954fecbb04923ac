"""Pages of tasks, each found by an index in one statement."""

from typing import Any, Final

from tasktracker_server.core.lists import Listed, Listing, Place
from tasktracker_server.core.records import TaskRecord
from tasktracker_server.store.database import Database

_PAGE_BYTES: Final = 4 * 1024 * 1024
"""Of large values in one page; a single task may have more."""
_LOOKED_AT: Final = 5_000
"""Tasks one page looks at where the index can't tell which of them fit."""
_CHUNK_BYTES: Final = 64 * 1024
"""A row of stored entries that is larger is not read for its last one."""


class ListStore:
    """Lists of tasks.

    Laws: following a list page by page finds each task that was there all along once; a page costs the
    same however many tasks there are.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def page(self, wanted: Listing) -> Listed:
        """The next tasks that fit; fewer than asked for where they are large or rare."""
        by_index = wanted.worker_id is None and wanted.root is None
        scan = wanted.limit + 1 if by_index else _LOOKED_AT
        params: dict[str, Any] = {
            "statuses": list(wanted.statuses),
            "worker_id": wanted.worker_id,
            "after": wanted.after,
            "before": wanted.before.place,
            "within": wanted.before.within,
            "scan": scan,
            "limit": wanted.limit,
            "full": wanted.full,
            "bytes": _PAGE_BYTES,
            "chunk": _CHUNK_BYTES,
        }
        if wanted.root is not None:
            params |= {"root": wanted.root, "task_type": wanted.task_type, "until": wanted.until}
            rows = await self._database.fetch("list_of_chain", params)
        elif wanted.task_type is not None:
            rows = await self._database.fetch("list_of_type", params | {"task_type": wanted.task_type})
        else:
            rows = await self._database.fetch("list", params)
        return _listed(rows, scan)


def _listed(rows: list[tuple[Any, ...]], scan: int) -> Listed:
    looked_at, fitting, *last_looked_at = rows[0][:4]
    found = [row for row in rows if row[4] is not None]
    tasks = [TaskRecord(*row[6:]) for row in found]
    if len(tasks) < fitting:
        return Listed(tasks, Place(*found[-1][4:6]))
    return Listed(tasks, Place(*last_looked_at) if looked_at == scan else None)
