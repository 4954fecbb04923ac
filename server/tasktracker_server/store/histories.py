"""The stored part of progress, and the numbers bought for the live part."""

from collections.abc import Sequence

from tasktracker_server.core.ends import TaskState
from tasktracker_server.core.histories import Archive, Archived, Holder, SeedRequest, StoredHistory
from tasktracker_server.store.batches import items_json
from tasktracker_server.store.database import Database


class HistoryStore:
    """What PostgreSQL holds of progress.

    Laws: a history grows in order and each entry is stored once, whoever appends; no number above a
    task's ``seq_limit`` was ever given.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def buy(self, requests: Sequence[SeedRequest]) -> list[Holder | None]:
        """A new block of numbers for each running task, once for each ticket."""
        params = {"items": items_json(requests), "ids": [request.id for request in requests]}
        rows = {row[0]: Holder._make(row) for row in await self._database.fetch("seed", params)}
        return [rows.get(request.id) for request in requests]

    async def holders(self, task_ids: Sequence[str]) -> list[Holder | None]:
        """Who holds these tasks."""
        found = await self._database.fetch("verify", {"ids": list(task_ids)})
        rows = {row[0]: Holder._make(row) for row in found}
        return [rows.get(task_id) for task_id in task_ids]

    async def extend(self, needs: Sequence[tuple[str, int]]) -> list[tuple[str, int, str]]:
        """Larger blocks of numbers: id, new limit and seed ticket of each task that is still running."""
        wanted = [{"id": task_id, "need": need} for task_id, need in needs]
        params = {"items": items_json(wanted), "ids": [task_id for task_id, _ in needs]}
        return [(row[0], row[1], row[2]) for row in await self._database.fetch("extend", params)]

    async def archive(self, archives: Sequence[Archive]) -> dict[str, Archived]:
        """Append to histories that still end where expected: how each stands that did."""
        params = {"items": items_json(archives), "ids": [archive.id for archive in archives]}
        return {row[0]: Archived._make(row) for row in await self._database.fetch("archive", params)}

    async def read(self, task_id: str, after: int, chunks: int) -> StoredHistory | None:
        """The task's state, and the next so many pieces of stored history after a number."""
        params = {"id": task_id, "after": after, "chunks": chunks}
        rows = await self._database.fetch("history", params)
        return StoredHistory._make(rows[0]) if rows else None

    async def ends(self, task_ids: Sequence[str]) -> list[TaskState | None]:
        """The tasks as closing their logs needs them (ended or not)."""
        found = await self._database.fetch("ends", {"ids": list(task_ids)})
        rows = {row[0]: TaskState(*row) for row in found}
        return [rows.get(task_id) for task_id in task_ids]

    async def owe(self, task_ids: Sequence[str], *, in_doubt: bool) -> None:
        """Note that the logs of these ended tasks could not be closed; ``in_doubt``: or perhaps were."""
        await self._database.fetch("owe", {"ids": list(task_ids), "in_doubt": in_doubt})

    async def debts(self, limit: int) -> list[str]:
        """Ended tasks whose live log is still to be closed."""
        return [row[0] for row in await self._database.fetch("debts", {"limit": limit})]
