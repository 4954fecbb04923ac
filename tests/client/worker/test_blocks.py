"""How a job's block ends the task, whatever it is left with."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable
from typing import Any

import pytest

from services import wait_for
from tasktracker_client import (
    BadRequest,
    CancelRequested,
    FailJob,
    Job,
    LeaseLost,
    TaskTracker,
    TooLarge,
    Worker,
)

from .conftest import MakeWorker


def one(worker: Worker) -> Job[Any]:
    """The next job, which has to be there."""
    job = worker.claim(5)
    assert job is not None
    return job


def test_at_its_end_it_completes(client: TaskTracker, task_type: str, worker: MakeWorker) -> None:
    task = client.register(task_type, {"src": "a"}, metadata={"who": "me"})
    with one(made := worker()) as job:
        assert (job.id, job.task_type, job.params, job.metadata) == (
            task.task_id,
            task_type,
            {"src": "a"},
            {"who": "me"},
        )
        assert (job.attempt, job.worker_id, job.cancelled, job.ended) == (1, made.worker_id, False, False)
    assert job.ended
    assert client.get(task).status == "completed"


@pytest.mark.parametrize("end", ["complete", "fail", "release"])
def test_an_end_in_the_block_stands(
    client: TaskTracker, task_type: str, worker: MakeWorker, end: str
) -> None:
    task = client.register(task_type, max_retries=0)
    with one(worker()) as job:
        getattr(job, end)()
        with pytest.raises(RuntimeError, match="has ended"):
            job.progress(late=True)
        with pytest.raises(RuntimeError, match="has ended"):
            job.complete()
    expected = {"complete": "completed", "fail": "failed", "release": "pending"}[end]
    assert client.get(task).status == expected


@pytest.mark.parametrize("retry", [True, False])
def test_fail_job_carries_its_error_and_whether_to_retry(
    client: TaskTracker, task_type: str, worker: MakeWorker, retry: bool
) -> None:
    task = client.register(task_type, max_retries=3)
    with one(worker()):
        raise FailJob({"code": "no_source"}, retry=retry)
    failed = client.get(task)
    assert (failed.status, failed.error) == ("failed", {"code": "no_source"})
    assert (failed.new_task_id is not None) is retry


def test_an_exception_fails_it_with_its_traceback_and_the_loop_goes_on(
    client: TaskTracker, task_type: str, worker: MakeWorker, caplog: pytest.LogCaptureFixture
) -> None:
    tasks = [client.register(task_type, max_retries=0) for _ in range(2)]
    with caplog.at_level(logging.ERROR):
        for job in worker(until_empty=True):
            with job:
                job.progress(step=1)
                raise KeyError("width")
    for task in tasks:
        failed = client.get(task)
        assert failed.status == "failed"
        assert failed.error["type"] == "KeyError"
        assert failed.error["message"] == "'width'"
        assert 'raise KeyError("width")' in failed.error["traceback"]
        assert [entry["step"] for entry in failed.progress_history or ()] == [1]
    assert sum("failed" in each.message for each in caplog.records) == 2


class _Broken(Exception):
    def __str__(self) -> str:
        raise ValueError("no words")


@pytest.mark.parametrize(
    "error",
    [
        _Broken(),
        ValueError("a NUL \0 and half a pair \ud800"),
        FailJob(object()),
        FailJob({"half": "\ud800"}),
        FailJob({"nul": "\0"}),
        FailJob("x" * 2_000_000, retry=False),
    ],
    ids=["no words", "odd text", "no JSON", "half a pair", "NUL", "too large"],
)
def test_an_error_that_cannot_be_recorded_fails_it_all_the_same(
    client: TaskTracker,
    task_type: str,
    worker: MakeWorker,
    error: Exception,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # What is logged becomes part of the test's report, which can't hold half a pair.
    monkeypatch.setattr(logging.getLogger("tasktracker_client"), "propagate", False)
    task = client.register(task_type, max_retries=0)
    made = worker()
    with one(made):
        raise error
    failed = client.get(task)
    assert failed.status == "failed"
    assert {"code", "type", "message", "traceback"} <= set(failed.error)
    assert made.claim() is None  # it may be asked for more


def test_a_result_too_large_is_told_in_the_block(
    client: TaskTracker, task_type: str, worker: MakeWorker
) -> None:
    task = client.register(task_type, max_retries=0)
    with one(worker()) as job:
        with pytest.raises(TooLarge):
            job.complete("x" * 2_000_000)
        with pytest.raises(BadRequest):
            job.complete({"nul": "\0"})
        with pytest.raises(TypeError):
            job.complete(object())
        job.complete("small")
    assert client.get(task).result == "small"


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, GeneratorExit])
def test_what_is_no_exception_releases_it_and_goes_on(
    client: TaskTracker, task_type: str, worker: MakeWorker, error: type[BaseException]
) -> None:
    task = client.register(task_type)
    made = worker()
    job = one(made)

    def work() -> None:
        with job:
            job.progress(step=1)
            raise error

    with pytest.raises(error):
        work()
    assert job.ended
    released = client.get(task)
    assert (released.status, released.attempt) == ("pending", 1)
    assert [entry["step"] for entry in released.progress_history or ()] == [1]


def test_a_cancelled_job_ends_as_cancelled_with_the_reason(
    client: TaskTracker, task_type: str, worker: MakeWorker
) -> None:
    task = client.register(task_type, max_retries=3)
    with one(worker(lease_seconds=5)) as job:
        client.cancel(task, reason="the user left")
        job.progress(step=1)  # its answer brings the word
        assert wait_for(lambda: job.cancelled, 5)
        job.progress(step=2)
    ended = client.get(task)
    assert (ended.status, ended.new_task_id) == ("failed", None)
    assert ended.error == {"code": "cancelled", "message": "the user left"}


def test_a_cancelled_job_may_still_complete(client: TaskTracker, task_type: str, worker: MakeWorker) -> None:
    task = client.register(task_type)
    with one(worker(lease_seconds=5)) as job:
        client.cancel(task)
        assert wait_for(lambda: job.cancelled, 5), "heartbeats bring the word too"
        with pytest.raises(CancelRequested):
            job.check()
        job.complete("after all")
    assert client.get(task).status == "completed"


def test_a_cancel_of_somebody_else_is_an_exception_like_any_other(
    client: TaskTracker, task_type: str, worker: MakeWorker
) -> None:
    task = client.register(task_type, max_retries=0)
    with one(worker()):
        raise CancelRequested("another job's")
    assert client.get(task).error["type"].endswith("CancelRequested")


def test_a_lost_lease_is_left_to_whoever_has_it(
    client: TaskTracker, task_type: str, worker: MakeWorker
) -> None:
    task = client.register(task_type)
    made = worker()
    with one(made) as job:
        client.release(task)
        again = client.claim(task_type, worker_id="other", lease_seconds=30)
        assert again is not None
        job.progress(number=1)
        assert wait_for(lambda: job.lease_lost, 5)
        with pytest.raises(LeaseLost):
            job.progress(number=2)
        with pytest.raises(LeaseLost):
            job.complete("mine")
    assert made.claim() is None
    held = client.get(task)
    assert (held.status, held.worker_id, held.progress_history) == ("in_progress", "other", [])


def test_a_job_that_was_neither_done_nor_ended_is_asked_about(
    client: TaskTracker, task_type: str, worker: MakeWorker
) -> None:
    tasks = [client.register(task_type) for _ in range(2)]
    made = worker()
    jobs = iter(made)
    next(jobs)
    with pytest.raises(RuntimeError, match="neither done nor ended"):
        next(jobs)
    with pytest.raises(RuntimeError, match="neither done nor ended"):
        made.claim()
    made.close()
    assert [client.get(task).status for task in tasks] == ["pending", "pending"]
    assert made.claim() is None, "a closed worker claims nothing"


def test_closing_a_worker_releases_all_that_it_took(
    client: TaskTracker, task_type: str, worker: MakeWorker
) -> None:
    tasks = [client.register(task_type) for _ in range(3)]
    made = worker()
    jobs = [made.take(0) for _ in tasks]
    for job in jobs:
        assert job is not None
        job.progress(by=job.id)
    made.close()
    for task in tasks:
        back = client.get(task)
        assert (back.status, [entry["by"] for entry in back.progress_history or ()]) == (
            "pending",
            [task.task_id],
        )


def test_a_stopped_worker_ends_after_its_job(client: TaskTracker, task_type: str, worker: MakeWorker) -> None:
    for _ in range(2):
        client.register(task_type)
    made = worker()
    done = 0
    for job in made:
        with job:
            made.stop()
        done += 1
    assert done == 1
    assert made.stopping


def test_two_workers_share_the_work(client: TaskTracker, task_type: str, worker: MakeWorker) -> None:
    tasks = [client.register(task_type).task_id for _ in range(20)]
    done: list[str] = []

    def work(each: Worker) -> None:
        for job in each:
            with job:
                job.progress(by=each.worker_id)
                done.append(job.id)

    threads = [threading.Thread(target=work, args=(worker(until_empty=True),)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(done) == sorted(tasks)


def test_one_claims_at_a_time(client: TaskTracker, task_type: str, worker: MakeWorker) -> None:
    """Two claims of one worker would be taken for one, asked for again, and get the same task."""
    made = worker(wait_seconds=20)
    taken: list[Job[Any] | None] = []
    claiming = threading.Thread(target=lambda: taken.append(made.claim(20)))
    claiming.start()
    assert wait_for(lambda: bool(made._takers), 10)
    with pytest.raises(RuntimeError, match="a worker for each"):
        made.claim(0)
    task = client.register(task_type)
    claiming.join(30)

    assert [job and job.id for job in taken] == [task.task_id]
    assert taken[0] is not None
    taken[0].complete()
    assert made.claim(0) is None


def test_a_forked_process_has_no_worker(client: TaskTracker, task_type: str, worker: MakeWorker) -> None:
    client.register(task_type)
    made = worker()
    job = one(made)
    read, write = os.pipe()
    if (pid := os.fork()) == 0:
        told = []
        calls: list[Callable[[], object]] = [job.progress, job.complete, lambda: made.take(0)]
        for call in calls:
            try:
                call()
            except RuntimeError as error:
                told.append(str(error))
        made.close()
        os.write(write, str(sum("fork" in each for each in told)).encode())
        os._exit(0)
    os.waitpid(pid, 0)
    assert os.read(read, 10) == b"3"
    os.close(read)
    os.close(write)
    job.progress(still="mine")
    job.complete()
    assert client.get(job).status == "completed"


@pytest.mark.parametrize("heartbeats", ["thread", "process"])
def test_nothing_is_left_of_a_closed_worker(
    client: TaskTracker, task_type: str, heartbeats: str, url: str
) -> None:
    import psutil  # type: ignore[import-untyped]

    before = set(threading.enumerate()), set(psutil.Process().children(recursive=True))
    client.register(task_type)
    with (
        TaskTracker(url) as own,
        own.worker(task_type, heartbeats=heartbeats) as made,  # type: ignore[arg-type]
        one(made) as job,
    ):
        job.progress(step=1)
        assert set(threading.enumerate()) - before[0]
    assert set(threading.enumerate()) <= before[0]
    assert set(psutil.Process().children(recursive=True)) <= before[1]
