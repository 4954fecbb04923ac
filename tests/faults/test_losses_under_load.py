"""Redis loses keys while workers report: no number comes twice, every loss is told, tasks still end."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager

import pytest

from faults.calling import Caller, started
from faults.load import Worker, assert_whole
from faults.stores import OwnRedis, grow_old, keys_left, own
from faults.trackers import Tracker
from services import Service, wait_for

TASKS = 12
SECONDS = 60
PREFIX = "team9:tracker"
Lose = Callable[[], Awaitable[None]]


@contextmanager
def two_instances(database_url: str, redis: OwnRedis) -> Iterator[list[str]]:
    with Service(database_url, redis.url) as one, Service(database_url, redis.url) as other:
        yield [one.url, other.url]


async def losing_while_reporting(name: str, urls: list[str], lose: Lose) -> None:
    """Workers report, and end one by one, while Redis loses what it has; then everything is looked at."""
    async with Caller(urls[0]) as one, Caller(urls[1]) as other:
        workers = [Worker(f"{name}-{n}", one, other) for n in range(TASKS)]
        trackers = [Tracker(worker.task_id, *random.sample(urls, 2)) for worker in workers]
        await started(one, [worker.task_id for worker in workers])
        over = asyncio.Event()
        following = [asyncio.create_task(tracker.follow()) for tracker in trackers]
        reporting = [asyncio.create_task(worker.report_on(over, pause=0.002)) for worker in workers]
        early = [asyncio.create_task(_end_after(worker, n * 0.15)) for n, worker in enumerate(workers[:6])]
        await lose()
        await asyncio.gather(*early)
        # Some end before their worker's next report, and while Redis is still taken to be away.
        await asyncio.gather(*(_end_after(worker, n * 0.2) for n, worker in enumerate(workers[6:])))
        over.set()
        await asyncio.gather(*reporting)
        await asyncio.wait_for(asyncio.gather(*following), 20)
        for worker, tracker in zip(workers, trackers, strict=True):
            await assert_every_loss_is_told(one, worker, tracker)
        assert any(tracker.lost for tracker in trackers), "nothing was lost"


async def _end_after(worker: Worker, seconds: float) -> None:
    await asyncio.sleep(seconds)
    await worker.end()


async def assert_every_loss_is_told(caller: Caller, worker: Worker, live: Tracker) -> None:
    replay = Tracker(worker.task_id, *live.urls)
    await replay.follow()
    task = (await caller.get(f"/{worker.task_id}")).body

    assert task["status"] == "completed"
    assert_whole(task, worker, lost=replay.lost)
    assert replay.final == live.final == {"status": "completed", "result": worker.task_id}
    # Whoever looked on may have seen entries before they were lost, and nothing else than was stored.
    for number, call in replay.calls.items():
        assert live.calls.get(number) == call
    for number, call in live.calls.items():
        assert worker.acknowledged.get(number, call) == call


def assert_redis_is_clean(redis: OwnRedis) -> None:
    with redis.client() as client:
        grow_old(client, PREFIX)
        assert wait_for(lambda: not keys_left(client, PREFIX), 15), keys_left(client, PREFIX)


def test_flushed_again_and_again(database_url: str) -> None:
    with own(OwnRedis) as redis, two_instances(database_url, redis) as urls:

        async def lose() -> None:
            for _ in range(4):
                await asyncio.sleep(random.uniform(0.1, 0.4))
                await asyncio.to_thread(redis.lose_everything)

        asyncio.run(asyncio.wait_for(losing_while_reporting("flushed", urls, lose), SECONDS))
        assert_redis_is_clean(redis)


@pytest.mark.parametrize("times", [2, pytest.param(1, marks=pytest.mark.slow)])
def test_back_from_older_data(database_url: str, times: int) -> None:
    with own(OwnRedis) as redis, two_instances(database_url, redis) as urls:

        async def lose() -> None:
            await asyncio.sleep(0.3)
            await asyncio.to_thread(redis.remember)
            for _ in range(times):
                await asyncio.sleep(random.uniform(0.2, 0.5))
                await asyncio.to_thread(redis.kill)
                await asyncio.to_thread(redis.start)

        asyncio.run(asyncio.wait_for(losing_while_reporting(f"older-{times}", urls, lose), SECONDS))
        assert_redis_is_clean(redis)
