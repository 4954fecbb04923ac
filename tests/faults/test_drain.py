"""SIGTERM to one of two instances under load: it answers what it has, and everybody goes on at the other."""

import asyncio
import time

from faults.calling import Answer, Caller, started, until
from faults.load import Worker, assert_whole
from faults.trackers import Tracker
from services import Service

TASKS = 16
DRAIN_SECONDS = 10.0


async def drain_under_load(one: Service, other: Service) -> None:
    over = asyncio.Event()
    async with Caller(one.url) as leaving, Caller(other.url) as staying:
        workers = [Worker(f"drain-{n}", leaving, staying) for n in range(TASKS)]
        trackers = [Tracker(worker.task_id, one.url, other.url) for worker in workers]
        await started(staying, [worker.task_id for worker in workers])
        following = [asyncio.create_task(tracker.follow()) for tracker in trackers]
        reporting = [asyncio.create_task(worker.report_on(over, pause=0.005)) for worker in workers]
        await until(lambda: all(len(tracker.calls) > 5 for tracker in trackers), 10)
        waiting = calls_that_wait(leaving)
        await asyncio.sleep(0.3)
        began = time.monotonic()
        await asyncio.to_thread(one.stop)  # it asserts the exit code
        assert time.monotonic() - began < DRAIN_SECONDS

        for answer in await asyncio.gather(*waiting):
            assert answer.status in {200, 503}, "a call under way was left without an answer"
            assert answer.code in {"", "shutting_down"}
        reported = {worker: len(worker.acknowledged) for worker in workers}
        await until(lambda: all(len(one.acknowledged) > reported[one] for one in workers), 10)
        await asyncio.gather(*(worker.end() for worker in workers))
        over.set()
        await asyncio.gather(*reporting)
        await asyncio.wait_for(asyncio.gather(*following), 20)
        for worker, tracker in zip(workers, trackers, strict=True):
            assert_whole((await staying.get(f"/{worker.task_id}")).body, worker)
            assert worker.acknowledged.items() <= tracker.calls.items()
            assert tracker.final == {"status": "completed", "result": worker.task_id}
            assert tracker.connections >= 2, "the stream was to end with its instance"


def calls_that_wait(caller: Caller) -> list[asyncio.Task[Answer]]:
    claim = {"taskTypes": ["nothing"], "workerId": "w", "waitSeconds": 30}
    return [
        asyncio.create_task(caller.post("/claim", claim)),
        asyncio.create_task(caller.post("/bulk/claim", claim | {"limit": 5})),
        asyncio.create_task(caller.get("/drain-0/progress?afterSeqId=100000&waitSeconds=30")),
    ]


def test_streams_resume_elsewhere_and_calls_under_way_are_answered(
    database_url: str, redis_url: str, redis_prefix: str
) -> None:
    with (
        Service(database_url, redis_url, redis_prefix=redis_prefix) as one,
        Service(database_url, redis_url, redis_prefix=redis_prefix) as other,
    ):
        asyncio.run(asyncio.wait_for(drain_under_load(one, other), 60))


def test_stopped_as_soon_as_it_listens_it_ends_at_once(database_url: str, redis_url: str) -> None:
    for _ in range(3):
        service = Service(database_url, redis_url)
        service.start()
        began = time.monotonic()
        service.stop()
        assert time.monotonic() - began < DRAIN_SECONDS
