"""After the storm: whatever is unfinished is worked off by callers who lose nothing."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import psycopg

from .caller import Caller
from .record import Recorder
from .tasks import LEASE_SECONDS, Holding, Names

PATIENCE_SECONDS: Final = LEASE_SECONDS + 15.0
"""By then every lease is over, and every short timeout; what is unfinished still is stuck."""
HANDS: Final = 6


async def drain(urls: Sequence[str], database_url: str, file: Path) -> None:
    """Start and complete what waits, until nothing does and nobody holds anything, or patience ends."""
    chance = random.Random("drain")
    names = Names("drain", chance)
    deadline = time.monotonic() + PATIENCE_SECONDS
    with Recorder(file) as recorder:
        hands = [Caller(urls, recorder, chance) for _ in range(HANDS)]
        async with await psycopg.AsyncConnection.connect(database_url, autocommit=True) as database:
            while unfinished := await _unfinished(database):
                waiting = [task_id for task_id, status in unfinished if status == "pending"]
                await asyncio.gather(
                    *(_finish(hand, names, waiting[at::HANDS]) for at, hand in enumerate(hands))
                )
                if time.monotonic() > deadline:
                    break
                await asyncio.sleep(0.1)
        for hand in hands:
            hand.close()


async def _unfinished(database: psycopg.AsyncConnection) -> list[tuple[str, str]]:
    found = await database.execute(
        "select id, status from tracker_tasks where status in ('pending', 'in_progress')"
    )
    return await found.fetchall()


async def _finish(caller: Caller, names: Names, task_ids: Sequence[str]) -> None:
    worker = {"workerId": "drain", "leaseSeconds": LEASE_SECONDS}
    for task_id in task_ids:
        started = await caller.call("start", task_id, worker)
        if started is not None and started.status == 200:
            held = Holding({**started.body, "id": task_id}, "drain", names, numbered=False)
            result = {"by": names.new("result")}
            await caller.call("complete", task_id, {**held.identity, "result": result})
