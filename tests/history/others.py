"""Those who work on many tasks at once, and those who only have tasks done."""

from __future__ import annotations

import asyncio
from typing import Final

from .record import Json
from .tasks import LEASE_SECONDS, TYPES, Holding
from .worker import Worker

AT_ONCE: Final = 12


class BulkWorker(Worker):
    """Works on many tasks in bulk calls."""

    async def run(self) -> None:
        """Work until the process is to end."""
        while not self.stopping.is_set():
            held = [self.holding(task) for task in await self._claim_many()]
            if not held:
                await self.restock()
                continue
            for _ in range(self.chance.randint(1, 4)):
                await self._report_all(held)
            if self.likely(0.02):
                await self.doze()
            await self._end_all(held)

    async def _claim_many(self) -> list[Json]:
        wanted = {"taskTypes": list(TYPES), "workerId": self.name, "leaseSeconds": LEASE_SECONDS}
        answer = await self.caller.call("claim", None, {**wanted, "limit": AT_ONCE}, tries=1)
        tasks: list[Json] = answer.body["tasks"] if answer and answer.status == 200 else []
        return tasks

    async def _report_all(self, held: list[Holding]) -> None:
        if self.likely(0.2):
            await self.caller.bulk("heartbeat", [(one.task_id, one.identity) for one in held])
            return
        items = [
            (one.task_id, {**one.identity, "progress": one.entries(self.chance.choice((1, 1, 3)))})
            for one in held
        ]
        answers = await self.caller.bulk("progress", items)
        for at, one in enumerate(held):
            one.heard(answers[at].status if answers else None, answers[at].body if answers else {})

    async def _end_all(self, held: list[Holding]) -> None:
        ways: dict[str, list[tuple[str, Json]]] = {"complete": [], "fail": [], "release": []}
        for one in held:
            (way,) = self.chance.choices((*ways, "forget"), (70, 14, 14, 2))
            if way == "release":
                ways[way].append((one.task_id, one.identity))
            elif way != "forget":
                field = "result" if way == "complete" else "error"
                body = {**one.identity, field: {"by": self.names.new(field)}}
                if self.likely(0.2):
                    body["progress"] = one.entries(1)
                ways[way].append((one.task_id, body))
        for way, items in ways.items():
            if items:
                await self.caller.bulk(way, items)


class Client(Worker):
    """Registers, cancels, retries and starts tasks, also those that somebody is at."""

    async def run(self) -> None:
        """Go on until the process is to end."""
        while not self.stopping.is_set():
            await asyncio.sleep(self.chance.uniform(0, 0.04))
            task = self.names.any_recent()
            if task is None or self.likely(0.2):
                await self.caller.call("register", *self.names.task())
            else:
                await self._meddle(*task)

    async def _meddle(self, task_id: str, registered: Json) -> None:
        (how,) = self.chance.choices(("cancel", "retry", "start", "timeout"), (25, 40, 30, 5))
        if how == "cancel":
            await self._cancel(task_id)
        elif how == "start":
            await self._start(task_id, registered)
        else:
            await self.caller.call(how, task_id, {})

    async def _cancel(self, task_id: str) -> None:
        if self.likely(0.3):
            others = [self.names.any_recent() for _ in range(3)]
            ids = {task_id, *(other[0] for other in others if other)}
            await self.caller.bulk("cancel", [(one, {"reason": "not wanted"}) for one in sorted(ids)])
        else:
            await self.caller.call("cancel", task_id, {"reason": "not wanted"})

    async def _start(self, task_id: str, registered: Json) -> None:
        """Take this very task; without a lease only where its time is soon over."""
        wanted: Json = {"workerId": self.name, "leaseSeconds": LEASE_SECONDS}
        if "timeoutSeconds" in registered:
            del wanted["leaseSeconds"]
        answer = await self.caller.call("start", task_id, wanted)
        if answer and answer.status == 200:
            await self.carry_out(self.holding({**answer.body, "id": task_id}))
