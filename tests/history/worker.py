"""Workers: they claim, report, and end what they claimed; now and then they doze, forget, or insist."""

from __future__ import annotations

import asyncio
import random
from contextlib import suppress
from typing import Final

from .caller import Caller
from .connection import Answer
from .record import Json
from .tasks import LEASE_SECONDS, TYPES, Holding, Names

DOZE_SECONDS: Final = LEASE_SECONDS + 1.5
"""Long enough that somebody else may have the task by then."""
LATE_WRITES: Final = ("heartbeat", "progress", "complete", "fail", "release")


class Worker:
    """Works on one task at a time."""

    def __init__(
        self, name: str, caller: Caller, names: Names, chance: random.Random, stopping: asyncio.Event
    ) -> None:
        self.name = name
        self.caller = caller
        self.names = names
        self.chance = chance
        self.stopping = stopping

    async def run(self) -> None:
        """Work until the process is to end."""
        following: Json | None = None
        while not self.stopping.is_set():
            task = following or await self.claim()
            following = None
            if task is None:
                await self.restock()
            else:
                following = await self.carry_out(self.holding(task))

    def holding(self, task: Json) -> Holding:
        return Holding(task, self.name, self.names, numbered=self.chance.random() < 0.5)

    def likely(self, share: float) -> bool:
        return self.chance.random() < share

    async def doze(self) -> None:
        """Miss the end of a lease, unless the process is to end."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self.stopping.wait(), DOZE_SECONDS)

    def wanted(self) -> Json:
        """A claim; without a ``claimId`` what is lost on the way comes back with its lease."""
        types = self.chance.sample(TYPES, self.chance.randint(1, len(TYPES)))
        named = {"claimId": self.names.new("claim")} if self.likely(0.9) else {}
        return {"taskTypes": types, "leaseSeconds": LEASE_SECONDS, **named}

    async def claim(self) -> Json | None:
        wanted = self.wanted()
        answer = await self.caller.call("claim", None, {"workerId": self.name, **wanted})
        task: Json | None = answer.body if answer and answer.status == 200 else None
        return task

    async def restock(self) -> None:
        """Register what nobody has done yet: then there is work as long as there are workers."""
        if self.likely(0.7):
            await self.caller.bulk("register", [self.names.task() for _ in range(self.chance.randint(5, 30))])
        else:
            await self.caller.call("register", *self.names.task())

    async def carry_out(self, held: Holding) -> Json | None:
        """Report on a task, then end it somehow; answers the next one, where that came with the end."""
        for _ in range(self.chance.randint(0, 5)):
            answer = await self._step(held)
            if answer and answer.status == 409 and not self.likely(0.2):
                break
        return await self._end(held)

    async def _step(self, held: Holding) -> Answer | None:
        if self.likely(0.012):
            await self.doze()
        elif self.likely(0.05):
            await asyncio.sleep(self.chance.uniform(0, 0.3))
        if self.likely(0.2):
            return await self.caller.call("heartbeat", held.task_id, held.identity)
        if self.likely(0.01):
            await self.caller.call("cancel", held.task_id, {"reason": "not wanted"})
        return await self._report(held)

    async def _report(self, held: Holding) -> Answer | None:
        body = {**held.identity, "progress": held.entries(self.chance.choice((1, 1, 1, 2, 5)))}
        answer = await self.caller.call("progress", held.task_id, body)
        held.heard(answer.status if answer else None, answer.body if answer else {})
        return answer

    async def _end(self, held: Holding) -> Json | None:
        (way,) = self.chance.choices(("complete", "fail", "release", "forget", "doze"), (62, 18, 14, 3, 2))
        if way == "forget":
            return None
        if way == "doze":
            await self.doze()
            way = "complete"
        if way == "release":
            return await self._release(held)
        body = self._last_words(held, way)
        answer = await self.caller.call(way, held.task_id, body)
        if self.likely(0.05):
            await self._insist(held)
        if way == "fail" and answer and not answer.body.get("newTaskId") and self.likely(0.5):
            await self.caller.call("retry", held.task_id, {})
        following: Json | None = answer.body.get("next") if answer and answer.status == 200 else None
        return following

    def _last_words(self, held: Holding, way: str) -> Json:
        body: Json = dict(held.identity)
        if way == "complete":
            body["result"] = {"by": self.names.new("result")}
        elif self.likely(0.9):
            body["error"] = {"by": self.names.new("error")}
        if way == "fail" and self.likely(0.3):
            body["retry"] = False
        if self.likely(0.3):
            body["progress"] = held.entries(1)
        if self.likely(0.5):
            body["next"] = self.wanted()
        return body

    async def _release(self, held: Holding) -> Json | None:
        await self.caller.call("release", held.task_id, held.identity)
        if self.likely(0.1):
            await self._insist(held)
        if not self.likely(0.3):
            return None
        wanted = {"workerId": self.name, "leaseSeconds": LEASE_SECONDS}
        answer = await self.caller.call("start", held.task_id, wanted)
        return {**answer.body, "id": held.task_id} if answer and answer.status == 200 else None

    async def _insist(self, held: Holding) -> None:
        """Write once more, although it is over."""
        verb = self.chance.choice(LATE_WRITES)
        body = dict(held.identity)
        if verb == "progress":
            body["progress"] = {"e": self.names.new("e")}
        elif verb in ("complete", "fail"):
            body["result" if verb == "complete" else "error"] = {"by": self.names.new("late")}
        await self.caller.call(verb, held.task_id, body)
