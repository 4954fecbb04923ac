"""A server killed in the middle of ends that progress races loses nothing that it acknowledged."""

import asyncio
import os
import random
import signal
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack

import pytest
import redis

from faults.calling import Caller, started
from faults.load import Worker, assert_whole
from faults.stores import grow_old, keys_left
from services import Service, free_port, wait_for

tasks = pytest.mark.parametrize("tasks", [200, pytest.param(1_000, marks=pytest.mark.slow)])
AT_ONCE = 24
SECONDS = 60


async def complete_amid_a_kill(workers: list[Worker], kill: Callable[[], Awaitable[None]]) -> None:
    """All complete their tasks while they report; a third of the way the kill comes, and some die with it."""
    killed, enough = asyncio.Event(), asyncio.Event()
    turn = asyncio.Semaphore(AT_ONCE)
    mortal = {worker for worker in workers if random.random() < 0.5}

    async def work(worker: Worker) -> None:
        async with turn:
            if killed.is_set() and worker in mortal:
                return
            for _ in range(random.randrange(3)):
                await worker.report()
            await asyncio.gather(
                worker.report_on(killed), worker.end(giving_up=killed if worker in mortal else None)
            )
            if not killed.is_set() and sum(worker.ended for worker in workers) >= len(workers) // 3:
                enough.set()

    async def strike() -> None:
        await enough.wait()
        await kill()
        killed.set()

    await asyncio.gather(strike(), *map(work, workers))


async def assert_nothing_is_lost_or_stuck(caller: Caller, workers: list[Worker]) -> None:
    """Each task is active or ended, with its whole history; and the active ones can be worked on."""

    async def look(worker: Worker) -> str:
        task = (await caller.get(f"/{worker.task_id}")).body
        assert_whole(task, worker)
        if task["status"] == "in_progress":
            assert not worker.ended, f"{worker.task_id} was ended and is not"
            await finish(worker)
        return str(task["status"])

    async def finish(worker: Worker) -> None:
        worker.refused, worker.callers = None, [caller]
        assert (await worker.report()).status == 200
        await worker.end()
        task = (await caller.get(f"/{worker.task_id}")).body
        assert_whole(task, worker)
        assert task["status"] == "completed"

    found = set(await asyncio.gather(*map(look, workers)))
    assert found == {"in_progress", "completed"}, "the kill came too early or too late"


def assert_redis_is_clean(redis_url: str, prefix: str) -> None:
    """Nothing is left of ended tasks once the janitor has looked; its waiting time is passed over."""
    with redis.Redis.from_url(redis_url) as client:
        grow_old(client, prefix)
        assert wait_for(lambda: not keys_left(client, prefix), 20), keys_left(client, prefix)


def run(
    tasks: int,
    urls: list[str],
    kill: Callable[[], Awaitable[None]],
    survivor: Callable[[], str],
    redis_url: str,
    prefix: str,
) -> None:
    name = f"kill-{time.monotonic_ns()}"

    async def scenario() -> None:
        async with AsyncExitStack() as stack:
            callers = [await stack.enter_async_context(Caller(url)) for url in urls]
            workers = [Worker(f"{name}-{n}", *callers) for n in range(tasks)]
            await started(callers[0], [worker.task_id for worker in workers])
            await complete_amid_a_kill(workers, kill)
            last = await stack.enter_async_context(Caller(survivor()))
            await assert_nothing_is_lost_or_stuck(last, workers)

    asyncio.run(asyncio.wait_for(scenario(), SECONDS))
    assert_redis_is_clean(redis_url, prefix)


@tasks
def test_a_kill_amid_completions_loses_nothing_and_leaves_nothing_stuck(
    database_url: str, redis_url: str, redis_prefix: str, tasks: int
) -> None:
    with Service(database_url, redis_url, redis_prefix=redis_prefix, port=free_port()) as service:

        async def kill() -> None:
            service.kill()
            await asyncio.to_thread(service.start)

        run(tasks, [service.url], kill, lambda: service.url, redis_url, redis_prefix)


@tasks
def test_one_of_two_processes_is_killed_and_started_again(
    database_url: str, redis_url: str, redis_prefix: str, tasks: int
) -> None:
    with Service(database_url, redis_url, redis_prefix=redis_prefix, processes=2) as service:

        async def kill() -> None:
            os.kill(service.worker_pids[0], signal.SIGKILL)

        run(tasks, [service.url], kill, lambda: service.url, redis_url, redis_prefix)


@tasks
def test_one_of_two_instances_is_killed_while_the_other_serves_on(
    database_url: str, redis_url: str, redis_prefix: str, tasks: int
) -> None:
    with (
        Service(database_url, redis_url, redis_prefix=redis_prefix) as one,
        Service(database_url, redis_url, redis_prefix=redis_prefix) as other,
    ):

        async def kill() -> None:
            one.kill()

        run(tasks, [one.url, other.url], kill, lambda: other.url, redis_url, redis_prefix)
