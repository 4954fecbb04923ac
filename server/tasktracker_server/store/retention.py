"""Ended tasks that are no longer wanted: found by type, oldest first, and deleted with their histories."""

from collections.abc import Sequence

from tasktracker_server.core.lists import Kept, Place
from tasktracker_server.store.database import Database


class RetentionStore:
    """Deletes ended tasks.

    Laws: only what ended longer ago than its age goes; never the root of a chain that goes on, nor a task
    whose live log is still to be stored; nobody else ever waits for a deletion.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def take_turn(self, holder: str, seconds: float) -> bool:
        """Be the one that does this for so long; False where somebody else is."""
        params = {"work": "retention", "holder": holder, "seconds": seconds}
        return bool(await self._database.fetch("take_turn", params))

    async def next_type(self, status: str, after: str) -> str | None:
        """The next type, in order of their names, that has tasks in this state."""
        rows = await self._database.fetch("next_type", {"status": status, "beyond": after})
        return rows[0][0] if rows else None

    async def look(self, status: str, task_type: str, age: float, after: Place, limit: int) -> list[Kept]:
        """The oldest tasks after a place that are registered longer ago than ``age`` seconds."""
        params = {
            "status": status,
            "task_type": task_type,
            "age": age,
            "place": after.place,
            "within": after.within,
            "limit": limit,
        }
        rows = await self._database.fetch("expired", params)
        return [Kept._make((*row[:3], Place(row[3], row[4]), row[5])) for row in rows]

    async def delete(self, task_ids: Sequence[str], age: float) -> int:
        """Delete those of these that ended more than ``age`` seconds ago and still may go: how many did."""
        return len(await self._database.fetch("delete", {"ids": list(task_ids), "age": age}))
