"""Calls the service as its callers do: every call is written down, and repeated after no answer."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from typing import Final

from tasktracker_schema.routes import BASE_PATH

from .connection import Answer, Connection, NoAnswer
from .record import Json, Recorder

TRIES: Final = 6
PAUSE_SECONDS: Final = 0.2
"""Before a call is tried again that the service could not take."""


class Caller:
    """Speaks to all instances, one call at a time, each to any of them."""

    def __init__(self, urls: Sequence[str], recorder: Recorder, chance: random.Random) -> None:
        self._connections = [Connection(url) for url in urls]
        self._recorder = recorder
        self._chance = chance

    def close(self) -> None:
        """Hang up."""
        for connection in self._connections:
            connection.close()

    async def call(self, verb: str, task_id: str | None, body: Json, *, tries: int = TRIES) -> Answer | None:
        """The answer, after repeats if need be; ``None`` where none came."""
        path = f"{BASE_PATH}/{task_id}/{verb}"
        sent = body
        if verb == "register":
            path, sent = BASE_PATH, {"taskId": task_id, **body}
        elif verb == "claim":
            path = f"{BASE_PATH}/bulk/claim" if "limit" in body else f"{BASE_PATH}/claim"
        repeats: int | None = None
        for _ in range(tries):
            (n,) = self._recorder.sending(verb, [(task_id, body, repeats)])
            answer = await self._post(path, sent, [n])
            if answer is None:
                repeats = n if repeats is None else repeats
                continue
            self._recorder.answered([(n, *answer)])
            if answer.status not in (429, 503):
                return answer
            await asyncio.sleep(PAUSE_SECONDS)
        return None

    async def bulk(self, verb: str, items: Sequence[tuple[str, Json]]) -> list[Answer] | None:
        """The outcomes of a bulk call, in the order of its items; ``None`` where no answer came."""
        field = "tasks" if verb == "register" else "items"
        sent = {field: [{"taskId": task_id, **body} for task_id, body in items]}
        repeats: list[int] | list[None] = [None] * len(items)
        for _ in range(TRIES):
            calls = [(task_id, body, n) for (task_id, body), n in zip(items, repeats, strict=True)]
            numbers = self._recorder.sending(verb, calls)
            answer = await self._post(f"{BASE_PATH}/bulk/{verb}", sent, numbers)
            if answer is None:
                repeats = numbers if repeats[0] is None else repeats
                continue
            if answer.status != 200:
                self._recorder.answered([(n, *answer) for n in numbers])
                await asyncio.sleep(PAUSE_SECONDS)
                continue
            outcomes = [Answer(one["statusCode"], one) for one in answer.body["results"]]
            self._recorder.answered([(n, *one) for n, one in zip(numbers, outcomes, strict=True)])
            return outcomes
        return None

    async def _post(self, path: str, body: Json, numbers: Sequence[int]) -> Answer | None:
        try:
            return await self._chance.choice(self._connections).post(path, body)
        except NoAnswer as error:
            self._recorder.lost(numbers, str(error))
            return None
