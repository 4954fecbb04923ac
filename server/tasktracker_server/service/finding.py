"""Finding tasks: pages of a list, newest first."""

from tasktracker_schema import limits
from tasktracker_schema.answers import TaskPage
from tasktracker_schema.requests import ListTasksQuery
from tasktracker_server.core import cursors
from tasktracker_server.core.coalescing import Coalescer, Lane
from tasktracker_server.core.errors import RedisUnavailable
from tasktracker_server.core.listing import filters, listing
from tasktracker_server.core.lists import Listed, Listing
from tasktracker_server.core.log import Glance
from tasktracker_server.core.records import TaskRecord
from tasktracker_server.core.shapes import has_live_entries, listed
from tasktracker_server.service.ports import ListStore, ProgressLog

_LANE = Lane(max_items=1, max_waiting=100, in_flight=2)
"""Pages are read one by one and never take the connections that the work of tasks needs."""
_ENTRY_BYTES = limits.ROW_PROGRESS_BYTES + 64
"""A stored entry is its data with three numbers before it."""


class Finding:
    """Lists of tasks."""

    def __init__(self, store: ListStore, live: ProgressLog) -> None:
        self._store = store
        self._live = live
        self._reading: Coalescer[Listing, Listed] = Coalescer(self._read, lane=_LANE)

    async def page(self, query: ListTasksQuery) -> TaskPage:
        """The next tasks that fit a query; a page may be short, or empty, and the list go on all the same.

        Raises:
            InvalidCursor: the cursor belongs to another query.
        """
        wanted = listing(query)
        if not wanted.statuses:
            return TaskPage([], None)
        found = await self._reading.submit(wanted)
        glances = await self._glance(found.tasks)
        rows = [listed(task, glances.get(task.id), full=wanted.full) for task in found.tasks]
        return TaskPage(rows, None if found.next is None else cursors.write(found.next, filters(query)))

    async def _read(self, listings: list[Listing]) -> list[Listed | Exception]:
        return [await self._store.page(wanted) for wanted in listings]

    async def _glance(self, tasks: list[TaskRecord]) -> dict[str, Glance]:
        """The latest live entries; nothing where Redis is away, for a list needs it not."""
        task_ids = [task.id for task in tasks if has_live_entries(task)]
        if not task_ids:
            return {}
        try:
            return dict(zip(task_ids, await self._live.glance(task_ids, _ENTRY_BYTES), strict=True))
        except RedisUnavailable:
            return {}
