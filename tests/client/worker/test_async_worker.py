"""The asynchronous worker's own: cancelled tasks, ends that are under way, and the same table of ends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from faults.calling import until
from tasktracker_client import AsyncJob, AsyncTaskTracker, FailJob, LeaseLost, TaskTracker

from .conftest import Through
from .test_progress import entries
from .wire import first


async def left(url: str, task_type: str, error: BaseException | None) -> None:
    """Leave a job's block by that."""
    async with AsyncTaskTracker(url) as client, client.worker(task_type) as worker:
        job = await worker.claim(5)
        assert job is not None
        async with job:
            await job.progress(number=1)
            if error is not None:
                raise error


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (None, "completed"),
        (FailJob("no"), "failed"),
        (KeyError("width"), "failed"),
        (KeyboardInterrupt(), "pending"),
        (asyncio.CancelledError(), "pending"),
    ],
    ids=["nothing", "FailJob", "KeyError", "KeyboardInterrupt", "CancelledError"],
)
def test_what_it_is_left_by_ends_it(
    client: TaskTracker, url: str, task_type: str, error: BaseException | None, status: str
) -> None:
    task = client.register(task_type, max_retries=0)
    goes_on = error is not None and not isinstance(error, Exception)
    if goes_on:
        assert error is not None
        with pytest.raises(type(error)):
            asyncio.run(left(url, task_type, error))
    else:
        asyncio.run(left(url, task_type, error))
    assert client.get(task).status == status
    assert entries(client, task) == [{"number": 1}]


def test_thousands_come_in_order_and_once(client: TaskTracker, url: str, task_type: str) -> None:
    task = client.register(task_type)

    async def work() -> None:
        async with AsyncTaskTracker(url) as own, own.worker(task_type) as worker:
            async for job in worker:
                async with job:
                    for number in range(7_000):
                        await job.progress(number=number)
                    async for letter in job.steps("ab"):
                        await job.latest(letter=letter)
                worker.stop()

    asyncio.run(work())
    found = entries(client, task)
    assert [entry["number"] for entry in found[:7_000]] == list(range(7_000))
    assert found[-1] == {"done": 2, "total": 2, "percent": 100.0}


@pytest.mark.parametrize(
    ("end", "status"),
    [
        (lambda job: job.complete({"n": 1}), "completed"),
        (lambda job: job.fail("no use", retry=False), "failed"),
        (lambda job: job.release(), "pending"),
    ],
    ids=["complete", "fail", "release"],
)
def test_a_job_ends_itself(
    client: TaskTracker, url: str, task_type: str, end: Callable[[AsyncJob[Any]], Awaitable[Any]], status: str
) -> None:
    task = client.register(task_type)

    async def work() -> None:
        async with AsyncTaskTracker(url) as own, own.worker(task_type) as worker:
            job = await worker.claim()
            assert job is not None
            async with job:
                assert (await end(job)).status == status
                assert job.ended

    asyncio.run(work())
    assert client.get(task).status == status


def test_steps_of_an_asynchronous_source(client: TaskTracker, url: str, task_type: str) -> None:
    task = client.register(task_type)

    async def source() -> AsyncIterator[int]:
        for each in range(3):
            yield each

    async def work() -> None:
        async with AsyncTaskTracker(url) as own, own.worker(task_type) as worker:
            job = await worker.claim()
            assert job is not None
            async with job:
                assert [each async for each in job.steps(source())] == [0, 1, 2]

    asyncio.run(work())
    assert entries(client, task)[-1] == {"done": 3}


def test_an_end_that_is_under_way_is_recorded_though_its_task_is_cancelled(
    client: TaskTracker, url: str, task_type: str, through: Through
) -> None:
    """Cancelled twice while the first answer is lost: once by its task's cancel, once by a loop's end."""
    task = client.register(task_type)
    wire = through(first("complete", "drop", 2))

    async def work() -> None:
        async with AsyncTaskTracker(wire.url) as own, own.worker(task_type) as worker:
            job = await worker.claim()
            assert job is not None

            async def end() -> None:
                async with job:
                    await job.complete("done")

            ending = asyncio.create_task(end())
            await until(lambda: wire.lost > 0, 10)
            for _ in range(2):
                ending.cancel()
                await asyncio.sleep(0.02)
            with pytest.raises(asyncio.CancelledError):
                await ending
            assert job.ended

    asyncio.run(work())
    assert (client.get(task).status, client.get(task).result) == ("completed", "done")


def test_ends_that_wait_for_the_service_leave_the_loops_threads_alone(
    client: TaskTracker, url: str, task_type: str, through: Through
) -> None:
    for _ in range(40):
        client.register(task_type)
    wire = through(lambda word, number: "cut" if word == "complete" and number <= 100 else "pass")

    async def work() -> None:
        async with AsyncTaskTracker(wire.url) as own, own.worker(task_type) as worker:
            jobs = [await worker.take(0) for _ in range(40)]
            ending = asyncio.gather(*(job.complete() for job in jobs if job is not None))
            await until(lambda: wire.lost >= 40, 10)
            assert await asyncio.wait_for(asyncio.to_thread(lambda: "free"), 2) == "free"
            await ending

    asyncio.run(work())
    assert wire.calls["complete"] > 100


def test_a_cancelled_claim_keeps_nothing(
    client: TaskTracker, url: str, task_type: str, through: Through
) -> None:
    """Its answer was lost on the way to a caller that then left."""
    wire = through(first("claim", "drop"))
    task = client.register(task_type)

    async def work() -> None:
        async with AsyncTaskTracker(wire.url) as own, own.worker(task_type) as worker:
            claim = asyncio.create_task(worker.claim(0))
            await until(lambda: wire.lost > 0, 10)
            claim.cancel()
            with pytest.raises(asyncio.CancelledError):
                await claim

    asyncio.run(work())
    seen = client.get(task)
    assert (seen.status, seen.attempt) == ("pending", 1)


def test_a_lost_lease_is_heard_and_left(client: TaskTracker, url: str, task_type: str) -> None:
    task = client.register(task_type)

    async def work() -> None:
        async with AsyncTaskTracker(url) as own, own.worker(task_type) as worker:
            job = await worker.claim()
            assert job is not None
            async with job:
                client.release(task)
                assert client.claim(task_type, worker_id="other", lease_seconds=30) is not None
                await job.progress(number=1)
                await until(lambda: job.lease_lost, 10)
                with pytest.raises(LeaseLost):
                    await job.progress(number=2)
            with pytest.raises(LeaseLost):
                await job.complete()
            assert await worker.claim() is None

    asyncio.run(work())
    seen = client.get(task)
    assert (seen.status, seen.worker_id, seen.progress_history) == ("in_progress", "other", [])


def test_closing_releases_and_an_unended_job_is_asked_about(
    client: TaskTracker, url: str, task_type: str
) -> None:
    tasks = [client.register(task_type) for _ in range(2)]

    async def work() -> None:
        async with AsyncTaskTracker(url) as own, own.worker(task_type) as worker:
            await anext(worker)
            with pytest.raises(RuntimeError, match="neither done nor ended"):
                await anext(worker)

    asyncio.run(work())
    assert [client.get(task).status for task in tasks] == ["pending", "pending"]
