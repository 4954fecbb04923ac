"""What the SDK's worker costs: trivial jobs a second, and one progress call.

``python -m bench.client_worker`` on a service of its own; README.md says how to read it.
"""

import asyncio
import statistics
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

import click
from rich.console import Console
from rich.table import Table

from bench.deployment import deployment
from tasktracker_client import AsyncJob, AsyncTaskTracker, Job, NewTask, TaskTracker, WorkerPool

ROUNDS: Final = 3
ENTRIES: Final = 4_000
POOL_SIZE: Final = 4


@click.command()
@click.option("--jobs", default=600, show_default=True, help="In each round of each kind.")
@click.option("--url", help="Of a service that runs already; else one on embedded stores is started.")
def main(jobs: int, url: str | None) -> None:
    """Measure, and print a table."""
    table = Table("what", "median of the rounds", "rounds")
    with _service(url) as at, TaskTracker(at) as client:
        for name, rate in _rates(client, at, jobs):
            table.add_row(name, f"{statistics.median(rate):.0f} jobs/s", ", ".join(f"{n:.0f}" for n in rate))
        for name, costs in _costs(client):
            table.add_row(name, f"{statistics.median(costs):.1f} µs", ", ".join(f"{n:.1f}" for n in costs))
    Console().print(table)


@contextmanager
def _service(url: str | None) -> Iterator[str]:
    if url is not None:
        yield url
        return
    with deployment() as started:
        yield started.url


def _rates(client: TaskTracker, url: str, jobs: int) -> Iterator[tuple[str, list[float]]]:
    """Jobs a second: claim, one entry, complete."""
    kinds: dict[str, Callable[[str], None]] = {
        "calls by hand, no worker": lambda kind: _by_hand(client, kind),
        "one worker": lambda kind: _one(client, kind),
        "one asynchronous worker": lambda kind: asyncio.run(_one_async(url, kind)),
        f"a pool of {POOL_SIZE} threads": lambda kind: _pool("threads", url, kind),
        f"a pool of {POOL_SIZE} tasks": lambda kind: _pool("tasks", url, kind),
    }
    for name, run in kinds.items():
        yield name, [_rate(client, f"{name} {number}", jobs, run) for number in range(ROUNDS)]


def _rate(client: TaskTracker, kind: str, jobs: int, run: Callable[[str], None]) -> float:
    client.register_many(NewTask(task_type=kind) for _ in range(jobs))
    began = time.perf_counter()
    run(kind)
    seconds = time.perf_counter() - began
    found = Counter(row.status for row in client.tasks(task_type=kind))
    if found != {"completed": jobs}:
        raise click.ClickException(f"{kind}: {dict(found)}")
    return jobs / seconds


def _by_hand(client: TaskTracker, kind: str) -> None:
    """What a worker's job is on the wire, without a lease to keep."""
    while (task := client.claim(kind, worker_id="bench")) is not None:
        client.complete(task, progress={"percent": 100})


def _one(client: TaskTracker, kind: str) -> None:
    with client.worker(kind, until_empty=True) as worker:
        for job in worker:
            with job:
                job.progress(percent=100)


async def _one_async(url: str, kind: str) -> None:
    async with AsyncTaskTracker(url) as client, client.worker(kind, until_empty=True) as worker:
        async for job in worker:
            async with job:
                await job.progress(percent=100)


def _work(job: Job[Any]) -> None:
    job.progress(percent=100)


async def _awork(job: AsyncJob[Any]) -> None:
    await job.progress(percent=100)


def _pool(how: Any, url: str, kind: str) -> None:
    pool = WorkerPool(concurrency=POOL_SIZE, pool=how)
    pool.task(kind)(_awork if how == "tasks" else _work)
    pool.run(url, until_empty=True)


def _costs(client: TaskTracker) -> Iterator[tuple[str, list[float]]]:
    """Microseconds of one call in a job, while the entries before it are on their way."""
    calls: dict[str, Callable[[Job[Any], int], None]] = {
        "job.progress(percent=…)": lambda job, number: job.progress(percent=number),
        "job.latest(percent=…)": lambda job, number: job.latest(percent=number),
        "job.check()": lambda job, number: job.check(),
    }
    for name, call in calls.items():
        yield name, [_cost(client, name, call) for _ in range(ROUNDS)]


def _cost(client: TaskTracker, kind: str, call: Callable[[Job[Any], int], None]) -> float:
    client.register(kind)
    with client.worker(kind) as worker:
        job = worker.claim()
        if job is None:
            raise click.ClickException("no job")
        with job:
            began = time.perf_counter()
            for number in range(ENTRIES):
                call(job, number)
            return (time.perf_counter() - began) / ENTRIES * 1e6
    raise click.ClickException("the job failed")


if __name__ == "__main__":
    main()
