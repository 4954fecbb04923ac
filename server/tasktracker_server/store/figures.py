"""What is counted of tasks."""

from typing import Any

from tasktracker_server.core.lists import TypeFigures
from tasktracker_server.store.database import Database


class FigureStore:
    """Figures of tasks, from the tasks themselves and from what was counted of the last hour.

    Laws: a task is counted once for its registration and once for its end, by whichever process; what
    asking costs grows with the active tasks, not with those that ended.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def count(self) -> bool:
        """Count what happened in the next slice that is over; whether there is more to count."""
        rows = await self._database.fetch("count", {}, repeat=False)
        return bool(rows and rows[0][0])

    async def figures(self, types: int) -> list[TypeFigures]:
        """Of all types together, then of so many of the busiest."""
        params: dict[str, Any] = {"types": types}
        return [TypeFigures._make(row) for row in await self._database.fetch("figures", params)]
