"""A process full of callers: ``python -m history.party NAME SEED FILE URL...``.

It goes on until SIGTERM, or until whoever started it is gone and its standard input with them.
"""

from __future__ import annotations

import asyncio
import random
import signal
import sys
from pathlib import Path
from typing import Final

import uvloop

from .caller import Caller
from .others import BulkWorker, Client
from .record import Recorder
from .tasks import Names
from .worker import Worker

ROLES: Final = (Worker,) * 5 + (BulkWorker,) * 2 + (Client,) * 2


async def main(name: str, seed: str, file: Path, urls: list[str]) -> None:
    """Let all of them work until the process is told to end."""
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, stopping.set)
    loop.add_reader(sys.stdin.fileno(), stopping.set)
    names = Names(name, random.Random(f"{seed} {name}"))
    with Recorder(file) as recorder:
        await asyncio.gather(
            *(
                _run(role, f"{name}-{at}", urls, recorder, names, seed, stopping)
                for at, role in enumerate(ROLES)
            )
        )


async def _run(
    role: type[Worker],
    name: str,
    urls: list[str],
    recorder: Recorder,
    names: Names,
    seed: str,
    stopping: asyncio.Event,
) -> None:
    chance = random.Random(f"{seed} {name}")
    caller = Caller(urls, recorder, chance)
    try:
        await role(name, caller, names, chance, stopping).run()
    finally:
        caller.close()


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1], sys.argv[2], Path(sys.argv[3]), sys.argv[4:]))
