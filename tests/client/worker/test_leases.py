"""A job keeps its lease whatever its code does, and hears it when it lost it."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from services import wait_for
from tasktracker_client import AsyncTaskTracker, Job, TaskTracker
from tasktracker_client._working.beats_process import ProcessBeats

from .conftest import MakeWorker
from .programs import running, told
from .test_blocks import one
from .test_progress import entries


def computing(seconds: float) -> None:
    """A loop that never waits."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        sum(range(1000))


def beating(job: Job[Any]) -> subprocess.Popen[bytes] | None:
    """The process that sends its heartbeats."""
    beats = job._keeper.beats
    assert isinstance(beats, ProcessBeats)
    return beats._process


@pytest.mark.parametrize("block", [computing, time.sleep])
@pytest.mark.parametrize(
    ("lease", "seconds"), [(5, 12.0), pytest.param(10, 60.0, marks=pytest.mark.slow)], ids=["short", "long"]
)
def test_a_job_that_blocks_its_thread_keeps_its_lease(
    client: TaskTracker,
    task_type: str,
    worker: MakeWorker,
    block: Callable[[float], None],
    lease: int,
    seconds: float,
) -> None:
    task = client.register(task_type)
    with one(worker(lease_seconds=lease)) as job:
        block(seconds)
        job.progress(after=True)
    seen = client.get(task)
    assert (seen.status, seen.attempt) == ("completed", 1)


@pytest.mark.parametrize(
    ("lease", "seconds"), [(5, 12.0), pytest.param(10, 60.0, marks=pytest.mark.slow)], ids=["short", "long"]
)
def test_an_asynchronous_job_that_never_awaits_keeps_its_lease(
    client: TaskTracker, url: str, task_type: str, lease: int, seconds: float
) -> None:
    task = client.register(task_type)

    async def work() -> None:
        async with AsyncTaskTracker(url) as own, own.worker(task_type, lease_seconds=lease) as worker:
            job = await worker.claim()
            assert job is not None
            async with job:
                computing(seconds)
                await job.progress(after=True)

    asyncio.run(work())
    seen = client.get(task)
    assert (seen.status, seen.attempt) == ("completed", 1)


@pytest.mark.parametrize("seconds", [12, pytest.param(60, marks=pytest.mark.slow)])
def test_a_job_that_keeps_the_interpreters_lock_keeps_its_lease_by_a_process(
    client: TaskTracker, url: str, task_type: str, seconds: int
) -> None:
    task = client.register(task_type)
    with running("starving", url, task_type, str(seconds)) as process:
        assert [told(process), told(process)] == ["working", "ended"]
    seen = client.get(task)
    assert (seen.status, seen.attempt) == ("completed", 1)


@pytest.mark.parametrize("heartbeats", ["thread", "process"])
def test_a_worker_stopped_past_its_lease_hears_it_at_once(
    client: TaskTracker, url: str, task_type: str, heartbeats: str
) -> None:
    task = client.register(task_type)
    with running("stopped", url, task_type, heartbeats) as process:
        assert told(process) == "working"
        os.kill(process.pid, signal.SIGSTOP)
        again = client.claim(task_type, worker_id="other", wait_seconds=30, lease_seconds=30)
        assert again is not None
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
        os.kill(process.pid, signal.SIGCONT)
        assert told(process) == "LeaseLost"
        assert process.wait(30) == 0
    assert (again.id, again.attempt) == (task.task_id, 2)
    client.complete(again, "other's")
    assert entries(client, task) == [{"before": True}]
    assert client.get(task).result == "other's"


def test_a_process_that_sends_heartbeats_and_ends_is_replaced(
    client: TaskTracker, task_type: str, worker: MakeWorker
) -> None:
    task = client.register(task_type)
    with one(worker(lease_seconds=5, heartbeats="process")) as job:
        first = beating(job)
        assert first is not None
        first.kill()
        assert wait_for(lambda: beating(job) not in (first, None), 10)
        assert not wait_for(lambda: job.lease_lost, 8)
        job.progress(after=True)
    assert client.get(task).attempt == 1


def test_modules_of_the_current_directory_are_not_taken_for_the_heartbeats(
    client: TaskTracker,
    task_type: str,
    worker: MakeWorker,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "queue.py").write_text("raise SystemExit('not this one')")
    monkeypatch.chdir(tmp_path)
    task = client.register(task_type)
    with one(worker(lease_seconds=5, heartbeats="process")) as job:
        first = beating(job)
        assert not wait_for(lambda: job.lease_lost or beating(job) is not first, 7)
    assert (client.get(task).status, client.get(task).attempt) == ("completed", 1)


def test_what_others_print_as_python_starts_is_passed_over(
    client: TaskTracker,
    task_type: str,
    worker: MakeWorker,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "sitecustomize.py").write_text(
        'import os\nos.write(1, b\'hello\\n{"task_id":"\\xe9"}\\n\')\nos.close(2)'
    )
    monkeypatch.syspath_prepend(tmp_path)
    client.register(task_type)
    with one(worker(lease_seconds=5, heartbeats="process")) as job:
        first = beating(job)
        assert not wait_for(lambda: job.lease_lost or beating(job) is not first, 7)


def test_heartbeats_go_on_where_no_other_process_can_be_begun(
    client: TaskTracker, task_type: str, worker: MakeWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = client.register(task_type)
    with one(worker(lease_seconds=5, heartbeats="process")) as job:
        first = beating(job)
        assert first is not None
        monkeypatch.setattr(sys, "executable", "/not/there")
        first.kill()
        assert not wait_for(lambda: job.lease_lost, 8)
    assert client.get(task).attempt == 1


@pytest.mark.parametrize("program", [shutil.which("false"), "/not/there"])
def test_where_no_process_can_send_heartbeats_a_thread_does(
    program: str,
    client: TaskTracker,
    task_type: str,
    worker: MakeWorker,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(sys, "executable", program)
    tasks = [client.register(task_type) for _ in range(2)]
    made = worker(lease_seconds=5, heartbeats="process")
    with one(made) as job:
        assert wait_for(lambda: "a thread does from now on" in caplog.text, 20)
        assert not wait_for(lambda: job.lease_lost, 7)
    with one(made) as job:
        assert not wait_for(lambda: job.lease_lost, 7)
    assert [client.get(task).attempt for task in tasks] == [1, 1]


def test_a_cancel_is_heard_by_heartbeat_from_a_process(
    client: TaskTracker, task_type: str, worker: MakeWorker
) -> None:
    task = client.register(task_type)
    with one(worker(lease_seconds=5, heartbeats="process")) as job:
        client.cancel(task)
        assert wait_for(lambda: job.cancelled, 5)
        job.check()
    assert client.get(task).error["code"] == "cancelled"
