"""What a call of the client costs over the same request by plain httpx: milliseconds at the median.

``python -m bench.client_overhead``; README.md says how to read it.
"""

import asyncio
import sys
import time
from collections.abc import Sequence
from statistics import median
from typing import Final

import click
import httpx

from bench.deployment import TASKS, deployment
from tasktracker_client import AsyncTaskTracker, TaskTracker

WARM_UP: Final = 100
MOST_MS: Final = 1.0
"""The promise."""


def synchronous(url: str, task_id: str, count: int) -> tuple[float, float]:
    """Medians of plain httpx and of the client, call by call in turn: what disturbs one disturbs both."""
    plain, tracked = [], []
    with httpx.Client(trust_env=False) as http, TaskTracker(url) as client:
        for _ in range(count + WARM_UP):
            began = time.perf_counter()
            http.get(f"{url}{TASKS}/{task_id}").raise_for_status()
            between = time.perf_counter()
            client.get(task_id)
            plain.append(between - began)
            tracked.append(time.perf_counter() - between)
    return 1000 * median(plain[WARM_UP:]), 1000 * median(tracked[WARM_UP:])


async def asynchronous(url: str, task_id: str, count: int) -> tuple[float, float]:
    """The same in an event loop."""
    plain, tracked = [], []
    async with httpx.AsyncClient(trust_env=False) as http, AsyncTaskTracker(url) as client:
        for _ in range(count + WARM_UP):
            began = time.perf_counter()
            (await http.get(f"{url}{TASKS}/{task_id}")).raise_for_status()
            between = time.perf_counter()
            await client.get(task_id)
            plain.append(between - began)
            tracked.append(time.perf_counter() - between)
    return 1000 * median(plain[WARM_UP:]), 1000 * median(tracked[WARM_UP:])


@click.command()
@click.option("--count", default=2_000, show_default=True, help="Calls of each kind.")
def main(count: int) -> None:
    """Print the medians; the exit code is 1 where the client costs more than it may."""
    with deployment() as service:
        task_id = service.post("", {"taskType": "bench", "params": {"src": "a.mov"}})["taskId"]
        found = {
            "sync": synchronous(service.url, task_id, count),
            "async": asyncio.run(asynchronous(service.url, task_id, count)),
        }
    print(f"get, median of {count} calls, ms")
    for name, (plain, tracked) in found.items():
        print(f"{name:>5}: httpx {plain:.3f}, client {tracked:.3f}, overhead {tracked - plain:+.3f}")
    sys.exit(_code([tracked - plain for plain, tracked in found.values()]))


def _code(overheads: Sequence[float]) -> int:
    return int(max(overheads) > MOST_MS)


if __name__ == "__main__":
    main()
