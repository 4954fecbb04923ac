"""Pools: what runs, how much of it at once, and how it ends."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypedDict

import msgspec
import psutil  # type: ignore[import-untyped]
import pytest

from services import wait_for
from tasktracker_client import AsyncJob, ConnectionFailed, FailJob, Job, NewTask, TaskTracker, WorkerPool
from tasktracker_client._working import worker as worker_module

from . import crews
from .crews import running

Kind = Literal["threads", "processes", "tasks"]
KINDS: tuple[Kind, ...] = ("threads", "processes", "tasks")


class Size(msgspec.Struct):
    width: int


@dataclass
class Weight:
    grams: int


class Colour(TypedDict):
    name: str


def test_params_come_in_the_type_of_the_annotation(client: TaskTracker, url: str, task_type: str) -> None:
    pool = WorkerPool(concurrency=2)

    @pool.task(f"{task_type}-size")
    def size(job: Job[Size]) -> Size:
        return Size(job.params.width * 2)

    @pool.task(f"{task_type}-weight")
    def weight(job: Job[Weight]) -> Weight:
        return Weight(job.params.grams + 1)

    @pool.task(f"{task_type}-colour")
    def colour(job: Job[Colour]) -> str:
        return job.params["name"].upper()

    @pool.task(f"{task_type}-any")
    def anything(job: Job) -> Any:
        return job.params

    given = {"size": {"width": 4}, "weight": {"grams": 1}, "colour": {"name": "red"}, "any": {"a": [1]}}
    tasks = {name: client.register(f"{task_type}-{name}", params) for name, params in given.items()}
    unfit = client.register(f"{task_type}-size", {"width": "wide"}, max_retries=5)
    pool.run(url, until_empty=True)
    results = {name: client.get(task).result for name, task in tasks.items()}
    assert results == {"size": {"width": 8}, "weight": {"grams": 2}, "colour": "RED", "any": {"a": [1]}}
    failed = client.get(unfit)
    assert (failed.status, failed.new_task_id) == ("failed", None)
    assert failed.error["code"] == "invalid_params"
    assert "$.width" in failed.error["message"]


@pytest.mark.parametrize("kind", KINDS)
def test_results_and_failures_are_recorded(client: TaskTracker, url: str, task_type: str, kind: Kind) -> None:
    fine = client.register(task_type, {"number": 7}, max_retries=0)
    failing = client.register(task_type, {"fail": True}, max_retries=5)
    with running(kind, url, task_type, concurrency=2, until_empty=True) as process:
        assert process.wait(60) == 0
    assert (client.get(fine).status, client.get(fine).result) == ("completed", {"number": 7})
    ended = client.get(failing)
    assert (ended.status, ended.error, ended.new_task_id) == ("failed", {"message": "as told"}, None)


@pytest.mark.parametrize("kind", ["threads", "tasks"])
def test_never_more_at_once_and_none_claimed_that_does_not_run(
    client: TaskTracker, url: str, task_type: str, kind: Kind
) -> None:
    pool = WorkerPool(concurrency=3, pool=kind)
    at_once: list[int] = []
    running_now: set[str] = set()
    lock = threading.Lock()

    def enter(job_id: str) -> None:
        with lock:
            running_now.add(job_id)
            at_once.append(len(running_now))

    def held(job_id: str) -> None:
        rows = client.tasks(task_type=task_type, status="in_progress")
        claimed = sum(1 for _ in rows)
        with lock:
            running_now.discard(job_id)
        assert claimed <= 3

    def work(job: Job[Any]) -> None:
        enter(job.id)
        time.sleep(0.2)
        held(job.id)

    async def awork(job: AsyncJob[Any]) -> None:
        enter(job.id)
        await asyncio.sleep(0.2)
        await asyncio.to_thread(held, job.id)

    client.register_many([NewTask(task_type=task_type, max_retries=0) for _ in range(18)])
    pool.task(task_type)(awork if kind == "tasks" else work)
    pool.run(url, until_empty=True)
    assert len(at_once) == 18
    assert max(at_once) == 3
    assert {row.status for row in client.tasks(task_type=task_type)} == {"completed"}


def test_processes_run_as_many_at_once_as_they_are(client: TaskTracker, url: str, task_type: str) -> None:
    client.register_many([NewTask(task_type=task_type, params={"sleep": 0.3}) for _ in range(8)])
    most = 0
    with running("processes", url, task_type, concurrency=2, until_empty=True) as process:
        while process.poll() is None:
            most = max(most, sum(1 for _ in client.tasks(task_type=task_type, status="in_progress")))
    assert most == 2
    assert {row.status for row in client.tasks(task_type=task_type)} == {"completed"}


def begun(process: subprocess.Popen[str]) -> int:
    """Wait until a job has begun; the process that does it."""
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line.startswith("begun "), line
    return int(line.split()[1])


@pytest.mark.parametrize("sign", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("kind", KINDS)
def test_a_signal_ends_an_idle_pool_at_once(
    client: TaskTracker, url: str, task_type: str, kind: Kind, sign: signal.Signals
) -> None:
    client.register(task_type)
    with running(kind, url, task_type, concurrency=2) as process:
        begun(process)
        assert wait_for(lambda: not any(client.tasks(task_type=task_type, status="in_progress")), 10)
        os.kill(process.pid, sign)
        began = time.monotonic()
        assert process.wait(30) == 0
        assert time.monotonic() - began < 6, "it waited for a claim, or for the grace"
    assert {row.status for row in client.tasks(task_type=task_type)} == {"completed"}


@pytest.mark.parametrize("kind", KINDS)
def test_a_signal_lets_jobs_end_within_the_grace(
    client: TaskTracker, url: str, task_type: str, kind: Kind
) -> None:
    tasks = [client.register(task_type, {"sleep": 1.0}) for _ in range(3)]
    with running(kind, url, task_type, concurrency=1, grace_seconds=30) as process:
        begun(process)
        os.kill(process.pid, signal.SIGTERM)
        assert process.wait(30) == 0
    assert [client.get(task).status for task in tasks] == ["completed", "pending", "pending"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("what", ["sleep", "spin"])
def test_jobs_that_outlast_the_grace_are_released(
    client: TaskTracker, url: str, task_type: str, kind: Kind, what: str
) -> None:
    tasks = [client.register(task_type, {what: 120.0}) for _ in range(2)]
    with running(kind, url, task_type, concurrency=2, grace_seconds=0.5) as process:
        begun(process)
        begun(process)
        os.kill(process.pid, signal.SIGTERM)
        assert process.wait(30) == 0
        ended = time.monotonic()
    for task in tasks:
        seen = client.get(task)
        assert (seen.status, seen.attempt) == ("pending", 1)
    assert time.monotonic() - ended < 5, "released, not lapsed"


@pytest.mark.parametrize("kind", KINDS)
def test_a_second_signal_ends_the_grace(client: TaskTracker, url: str, task_type: str, kind: Kind) -> None:
    task = client.register(task_type, {"sleep": 120.0})
    with running(kind, url, task_type, concurrency=1, grace_seconds=100) as process:
        begun(process)
        os.kill(process.pid, signal.SIGINT)
        time.sleep(0.3)  # two that come at the same moment are one
        os.kill(process.pid, signal.SIGINT)
        assert process.wait(30) == 0
    assert (client.get(task).status, client.get(task).attempt) == ("pending", 1)


def test_a_ctrl_c_reaches_all_processes_and_counts_once(
    client: TaskTracker, url: str, task_type: str
) -> None:
    task = client.register(task_type, {"sleep": 2.0})
    with running("processes", url, task_type, concurrency=2, grace_seconds=100) as process:
        begun(process)
        os.killpg(process.pid, signal.SIGINT)
        assert process.wait(30) == 0
    assert client.get(task).status == "completed"


def test_a_process_that_crashes_is_replaced_and_takes_no_other_along(
    client: TaskTracker, url: str, task_type: str
) -> None:
    crashing = client.register(task_type, {"crash": True})
    others = [client.register(task_type, {"sleep": 0.1}) for _ in range(10)]
    with running("processes", url, task_type, concurrency=2, lease_seconds=5) as process:
        assert wait_for(lambda: client.get(crashing).status == "completed", 40)
        os.kill(process.pid, signal.SIGTERM)
        assert process.wait(30) == 0
    assert client.get(crashing).attempt == 2
    assert {(client.get(task).status, client.get(task).attempt) for task in others} == {("completed", 1)}


def test_processes_end_with_their_parent(client: TaskTracker, url: str, task_type: str) -> None:
    tasks = [client.register(task_type, {"sleep": 1.0}) for _ in range(2)]
    with running("processes", url, task_type, concurrency=2, grace_seconds=30) as process:
        pids = [begun(process), begun(process)]
        process.kill()
        process.wait(30)
        assert wait_for(lambda: not any(psutil.pid_exists(pid) for pid in pids), 20)
    assert {client.get(task).status for task in tasks} == {"completed"}


def test_a_pool_runs_in_any_thread(client: TaskTracker, url: str, task_type: str) -> None:
    client.register_many([NewTask(task_type=task_type) for _ in range(5)])
    before = signal.getsignal(signal.SIGTERM)
    for kind, function in (("threads", _nothing), ("tasks", _anothing)):
        pool = WorkerPool(concurrency=2, pool=kind)  # type: ignore[arg-type]
        pool.task(task_type)(function)
        thread = threading.Thread(target=pool.run, args=(url,), kwargs={"until_empty": True})
        thread.start()
        thread.join(30)
        assert not thread.is_alive()
    assert signal.getsignal(signal.SIGTERM) is before
    assert {row.status for row in client.tasks(task_type=task_type)} == {"completed"}


@pytest.mark.parametrize("kind", KINDS)
def test_a_program_stops_its_own_pool(client: TaskTracker, url: str, task_type: str, kind: Kind) -> None:
    """One job runs and ends in its grace; the claim that waits behind it is given up."""
    task = client.register(task_type, {"tell": True, "sleep": 0.5})
    pool = WorkerPool(concurrency=2, pool=kind, wait_seconds=30)
    pool.task(task_type)(crews.awork if kind == "tasks" else crews.work)
    threading.Thread(target=_stop_when_begun, args=(pool, client, task.task_id), daemon=True).start()
    began = time.monotonic()
    pool.run(url)
    assert time.monotonic() - began < 20
    assert client.get(task).status == "completed"


@pytest.mark.parametrize("kind", KINDS)
def test_a_pool_in_another_thread_is_stopped_and_releases_what_outlasts_the_grace(
    client: TaskTracker, url: str, task_type: str, kind: Kind
) -> None:
    task = client.register(task_type, {"tell": True, "spin" if kind == "threads" else "sleep": 60})
    pool = WorkerPool(concurrency=1, pool=kind, grace_seconds=0.3)
    pool.task(task_type)(crews.awork if kind == "tasks" else crews.work)
    stopping = threading.Thread(target=_stop_when_begun, args=(pool, client, task.task_id))
    thread = threading.Thread(target=pool.run, args=(url,))
    thread.start()
    stopping.start()
    thread.join(30)
    stopping.join()
    assert not thread.is_alive()
    assert client.get(task).status == "pending"


def _stop_when_begun(pool: WorkerPool, client: TaskTracker, task_id: str) -> None:
    assert wait_for(lambda: bool(client.get(task_id).last_seq_id), 20), "it has not begun"
    pool.stop()
    pool.stop()


def test_an_idle_pool_that_is_stopped_ends_at_once(url: str, task_type: str) -> None:
    pool = WorkerPool(concurrency=1, wait_seconds=60)
    pool.task(task_type)(_nothing)
    pool.stop()  # nothing to stop: the run below is another one
    threading.Timer(1.0, pool.stop).start()
    began = time.monotonic()
    pool.run(url)
    assert 0.9 < time.monotonic() - began < 10


@pytest.mark.parametrize("kind", KINDS)
def test_a_job_that_exits_fails(client: TaskTracker, url: str, task_type: str, kind: Kind) -> None:
    task = client.register(task_type, {"exit": True})
    with running(kind, url, task_type, concurrency=1, until_empty=True) as process:
        assert process.wait(60) == 0
    ended = client.get(task)
    assert (ended.status, ended.attempt) == ("failed", 1)
    assert "sys.exit('as told')" in ended.error["message"]


def _nothing(job: Job[Any]) -> None:
    """Do nothing."""


async def _anothing(job: AsyncJob[Any]) -> None:
    """Do nothing."""


@pytest.mark.parametrize("kind", KINDS)
def test_a_refused_claim_is_raised_when_what_runs_has_ended(
    client: TaskTracker, url: str, task_type: str, kind: Kind
) -> None:
    """Here a type with a control character, which no service takes."""
    pool = WorkerPool(concurrency=2, pool=kind)
    pool.task("no\nname")(_anothing if kind == "tasks" else _nothing)
    from tasktracker_client import BadRequest

    with pytest.raises(BadRequest):
        pool.run(url)


@pytest.mark.parametrize("kind", KINDS)
def test_handlers_are_put_back(client: TaskTracker, url: str, task_type: str, kind: Kind) -> None:
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    threads = set(threading.enumerate())
    pool = WorkerPool(concurrency=1, pool=kind)
    pool.task(task_type)(_anothing if kind == "tasks" else _nothing)
    pool.run(url, until_empty=True)
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before
    assert set(threading.enumerate()) <= threads


def test_what_a_pool_cannot_run_is_told_before_it_runs() -> None:
    pool = WorkerPool()
    with pytest.raises(ValueError, match="no functions"):
        pool.run()
    with pytest.raises(TypeError, match="plain functions"):
        pool.task("a")(_anothing)
    pool.task("a")(_nothing)
    with pytest.raises(ValueError, match="already"):
        pool.task("a")(_nothing)
    with pytest.raises(TypeError, match="by their names"):
        WorkerPool(pool="processes").task("a")(lambda job: None)
    with pytest.raises(TypeError, match="name the task type"):
        pool.task(_nothing)  # type: ignore[arg-type]
    with pytest.raises(FailJob):
        raise FailJob("a plain exception outside of jobs")


def test_a_pool_of_processes_without_a_guard_says_so_and_ends(url: str, tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(
        "from tasktracker_client import Job, WorkerPool\n"
        "pool = WorkerPool(concurrency=2, pool='processes')\n"
        "@pool.task('a')\n"
        "def work(job: Job) -> None: ...\n"
        f"pool.run({url!r})\n"
    )
    ended = subprocess.run([sys.executable, program], capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 1
    assert '`if __name__ == "__main__":`' in ended.stderr
    assert "before they came to work" in ended.stderr.splitlines()[-1]


@pytest.mark.parametrize("kind", ["threads", "tasks"])
def test_until_empty_does_not_wait_for_ever_for_a_service_that_is_away(
    kind: Kind, monkeypatch: pytest.MonkeyPatch, unused_url: str
) -> None:
    monkeypatch.setattr(worker_module, "UNTIL_EMPTY_SECONDS", 1.0)
    pool = WorkerPool(concurrency=2, pool=kind)
    pool.task("a")(_anothing if kind == "tasks" else _nothing)
    with pytest.raises(ConnectionFailed, match=f"from {unused_url}/ .is the service running"):
        pool.run(unused_url, until_empty=True)
