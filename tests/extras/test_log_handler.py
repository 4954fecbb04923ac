"""Log records of a job as its progress."""

import asyncio
import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from extras.conftest import Entries
from services import Service, wait_for
from tasktracker_client import AsyncTaskTracker, JobLogHandler, TaskTracker, current_job

log = logging.getLogger("somebodys.code")


@contextmanager
def handling(handler: logging.Handler, logger: logging.Logger | None = None) -> Iterator[None]:
    """With the handler on the root, or on this logger alone."""
    logger = logger or logging.getLogger()
    before = logger.level, logger.propagate
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    logger.propagate = False
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(before[0])
        logger.propagate = before[1]


def test_each_job_gets_the_records_of_its_own_block_and_nobody_elses(
    client: TaskTracker, task_type: str, entries: Entries
) -> None:
    tasks = [client.register(task_type, {"number": number}) for number in range(2)]
    with handling(JobLogHandler()), client.worker(task_type, until_empty=True) as worker:
        for job in worker:
            with job:
                log.info("number %d", job.params["number"])
                log.debug("below the level")
                thread = threading.Thread(target=log.info, args=("of no job",))
                thread.start()
                thread.join()
                log.warning("nearly done")
            log.info("between two jobs")

    for number, task in enumerate(tasks):
        assert entries(task.task_id) == [
            {"level": "info", "logger": "somebodys.code", "message": f"number {number}"},
            {"level": "warning", "logger": "somebodys.code", "message": "nearly done"},
        ]


def test_sending_a_record_is_no_reason_for_another_one(
    client: TaskTracker, task_type: str, entries: Entries
) -> None:
    task = client.register(task_type)
    with client.worker(task_type) as worker:
        job = worker.claim()
        assert job is not None
        with job, handling(JobLogHandler(job, level=logging.DEBUG)):
            # Whatever thread they come from: httpx tells of every call, and httpcore of every byte.
            log.info("one")
            assert wait_for(lambda: len(entries(task.task_id)) == 1, 30)
            client.health()
            log.info("two")

    assert [entry["message"] for entry in entries(task.task_id)] == ["one", "two"]


def test_a_record_never_fails_the_job_that_logs_it(
    client: TaskTracker, task_type: str, entries: Entries, capsys: pytest.CaptureFixture[str]
) -> None:
    task = client.register(task_type)
    with client.worker(task_type) as worker:
        job = worker.claim()
        assert job is not None
        # Not for pytest's own handlers, which do fail the test.
        with job, handling(JobLogHandler(), log):
            log.info("NUL \0, half a pair \ud800, 世界")
            log.info("x" * 1_000_000)
            log.info("too few arguments: %s %s", "one")
            try:
                raise ValueError("told with its traceback")
            except ValueError:
                log.exception("caught")
            client.cancel(task)
            assert wait_for(lambda: client.heartbeat(job).cancel_requested, 30)
            log.info("though it was cancelled")
            job.complete({"done": True})
            log.info("after the end")
            log.error("and again")

    told = [entry["message"] for entry in entries(task.task_id)]
    assert told[0] == "NUL \\0, half a pair \\ud800, 世界"
    assert told[1] == "x" * 8_000
    assert "ValueError: told with its traceback" in told[2]
    assert told[3:] == ["though it was cancelled"]
    assert client.get(task).result == {"done": True}
    assert "Logging error" in capsys.readouterr().err, "logging tells of a wrong call in its own way"


def test_in_asyncio_a_record_belongs_to_the_job_of_its_task(
    service: Service, client: TaskTracker, task_type: str, entries: Entries
) -> None:
    tasks = [client.register(task_type, {"number": number}) for number in range(3)]

    async def work() -> None:
        async with AsyncTaskTracker(service.url) as tracker:
            await asyncio.gather(*(one(tracker, number) for number in range(3)))
        assert current_job() is None

    async def one(tracker: AsyncTaskTracker, number: int) -> None:
        async with tracker.worker(task_type, worker_id=f"w{number}") as worker:
            job = await worker.claim()
            assert job is not None
            async with job:
                for _ in range(3):
                    await asyncio.sleep(0)
                    log.info("%d", job.params["number"])
                    await nested()

    async def nested() -> None:
        found: Any = current_job()
        assert found is not None
        await found.progress(nested=found.params["number"])

    with handling(JobLogHandler()):
        asyncio.run(work())

    for number, task in enumerate(tasks):
        told = [entry.get("message") or str(entry["nested"]) for entry in entries(task.task_id)]
        assert told == [str(number)] * 6
