"""Redis is killed or frozen under load: what needs PostgreSQL only goes on, the rest heals by itself."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from faults.calling import Answer, Caller, started, until
from faults.load import Worker, assert_whole
from faults.stores import OwnRedis, own
from faults.trackers import Tracker
from services import Service

BOUND = 5.0
"""Seconds within which any call is answered while Redis does not answer: its timeout, twice, and some."""
AWAY_SECONDS = 3.0
SECONDS = 60


@contextmanager
def away(redis: OwnRedis, how: str) -> Iterator[None]:
    if how == "frozen":
        with redis.frozen():
            yield
        return
    redis.kill()
    yield
    redis.start()


async def go_on_without(caller: Caller, task_id: str) -> list[Answer]:
    """The whole life of a task without progress."""
    return [
        await caller.post("", {"taskId": task_id, "taskType": task_id}),
        await caller.post("/claim", {"taskTypes": [task_id], "workerId": "w"}),
        await caller.get(f"/{task_id}"),
        await caller.post(f"/{task_id}/heartbeat", {"workerId": "w", "attempt": 1}),
        await caller.post(f"/{task_id}/release", {"workerId": "w", "attempt": 1}),
        await caller.post(f"/{task_id}/start", {"workerId": "w"}),
        await caller.post(f"/{task_id}/complete", {"workerId": "w", "attempt": 2}),
        await caller.get(f"/{task_id}"),
    ]


async def lose_redis_under_load(redis: OwnRedis, url: str, how: str) -> None:
    over = asyncio.Event()
    async with Caller(url) as caller:
        workers = [Worker(f"{how}-{n}", caller) for n in range(8)]
        probe = Worker(f"{how}-probe", caller)
        trackers = [Tracker(worker.task_id, url) for worker in workers]
        await started(caller, [worker.task_id for worker in (*workers, probe)])
        await probe.report()
        following = [asyncio.create_task(tracker.follow()) for tracker in trackers]
        reporting = [asyncio.create_task(worker.report_on(over, pause=0.01)) for worker in workers]
        await asyncio.sleep(0.5)
        with away(redis, how):
            await without_redis(caller, probe)
        before = {worker: len(worker.acknowledged) for worker in workers}
        await until(lambda: all(len(one.acknowledged) >= before[one] + 5 for one in workers), 10)
        assert (await caller.call("GET", "/readyz")).body["redis"] == "ok"
        await asyncio.gather(*(worker.end() for worker in workers))
        over.set()
        await asyncio.gather(*reporting)
        await asyncio.wait_for(asyncio.gather(*following), 20)
        assert max(worker.slowest for worker in workers) < BOUND
        for worker, tracker in zip(workers, trackers, strict=True):
            await assert_live_tracker_had_everything(caller, worker, tracker)


async def assert_live_tracker_had_everything(caller: Caller, worker: Worker, live: Tracker) -> None:
    replay = Tracker(worker.task_id, *live.urls)
    await replay.follow()
    task = (await caller.get(f"/{worker.task_id}")).body
    assert_whole(task, worker, lost=replay.lost)
    assert replay.calls.items() <= live.calls.items()
    assert worker.acknowledged.items() <= live.calls.items(), "also what was lost later was seen live"
    assert live.connections == 1, "streams stay open"


async def without_redis(caller: Caller, probe: Worker) -> None:
    """While Redis is away: all calls are answered in time, and each as it should be."""
    loop = asyncio.get_running_loop()
    deadline, number = loop.time() + AWAY_SECONDS, 0
    answers: list[Answer] = []
    while loop.time() < deadline:
        answers += await go_on_without(caller, f"{probe.task_id}-{number}")
        number += 1
    assert {answer.status for answer in answers} == {200, 201}
    assert max(answer.seconds for answer in answers) < BOUND

    refused = await probe.report()
    assert (refused.status, refused.code) in {(503, "redis_unavailable"), (503, "outcome_unknown")}
    assert refused.seconds < BOUND
    assert (await caller.get(f"/{probe.task_id}")).body["progressHistory"] is None
    ready = await caller.call("GET", "/readyz")
    assert (ready.status, ready.body["redis"]) == (200, "unavailable")


@pytest.mark.parametrize("how", ["killed", "frozen"])
def test_all_goes_on_but_progress_and_that_comes_back(database_url: str, how: str) -> None:
    with own(OwnRedis) as redis, Service(database_url, redis.url) as service:
        asyncio.run(asyncio.wait_for(lose_redis_under_load(redis, service.url, how), SECONDS))
        assert "Traceback" not in service.logs()
