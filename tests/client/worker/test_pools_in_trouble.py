"""Pools whose jobs, or whose service, do what nobody hopes for: they end all the same, and hold nothing."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Literal

import pytest

from services import Service, wait_for
from tasktracker_client import AsyncJob, Job, LeaseLost, TaskTracker, WorkerPool
from tasktracker_client._pools import tasks as tasks_module

from .conftest import Through

Kind = Literal["threads", "tasks"]
SECONDS = 30.0


class Odd(BaseException):
    """No ``Exception``."""


def raising(error: BaseException, kind: Kind) -> Callable[..., Any]:
    """A job of that kind that raises this."""

    def work(job: Job[Any]) -> None:
        raise error

    async def awork(job: AsyncJob[Any]) -> None:
        raise error

    return awork if kind == "tasks" else work


@contextmanager
def run_aside(pool: WorkerPool, url: str) -> Iterator[threading.Thread]:
    """Run it in another thread; at the end of the block it is stopped, and has to end."""
    thread = threading.Thread(target=pool.run, args=(url,))
    thread.start()
    try:
        yield thread
    finally:
        pool.stop()
        thread.join(SECONDS)
    assert not thread.is_alive()


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        ("threads", Odd("as told")),
        ("threads", KeyboardInterrupt("as told")),
        ("tasks", Odd("as told")),
        ("tasks", asyncio.CancelledError("as told")),
    ],
)
def test_a_job_that_escapes_by_what_is_no_exception_fails(
    client: TaskTracker, url: str, task_type: str, kind: Kind, error: BaseException
) -> None:
    """Were it released, it would be claimed and escape again, without end."""
    task = client.register(task_type)
    pool = WorkerPool(concurrency=1, pool=kind)
    pool.task(task_type)(raising(error, kind))
    pool.run(url, until_empty=True)

    ended = client.get(task)
    assert (ended.status, ended.attempt) == ("failed", 1)
    assert type(error).__name__ in ended.error["message"]


def test_a_job_that_goes_on_though_it_was_cancelled_is_released(
    client: TaskTracker, url: str, task_type: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tasks_module, "_RELEASE_SECONDS", 0.5)
    task = client.register(task_type)
    goes_on, heard = threading.Event(), []
    goes_on.set()
    pool = WorkerPool(concurrency=1, pool="tasks", grace_seconds=0.2)

    @pool.task(task_type)
    async def work(job: AsyncJob[Any]) -> None:
        await job.progress(begun=True)
        while goes_on.is_set():
            try:
                await asyncio.sleep(0.05)
            except asyncio.CancelledError:
                continue
        try:
            await job.progress(over=True)
        except LeaseLost as lost:
            heard.append(str(lost))

    with run_aside(pool, url):
        assert wait_for(lambda: bool(client.get(task).last_seq_id), SECONDS)
        pool.stop()
        assert wait_for(lambda: client.get(task).status == "pending", SECONDS)
        goes_on.clear()

    assert heard == ["the worker shut down"]
    assert client.get(task).status == "pending"


@pytest.mark.parametrize("kind", ["threads", "tasks"])
def test_a_pool_whose_claims_pause_is_stopped_at_once(
    own_service: Service, task_type: str, kind: Kind
) -> None:
    pool = WorkerPool(concurrency=1, pool=kind)
    pool.task(task_type)(raising(Odd(), kind))
    own_service.kill()
    with run_aside(pool, own_service.url) as thread:
        assert not wait_for(lambda: not thread.is_alive(), 3.0)  # its pauses are of seconds by now
        began = time.monotonic()
    assert time.monotonic() - began < 2.0


@pytest.mark.parametrize("kind", ["threads", "tasks"])
def test_a_pool_whose_job_can_not_end_is_stopped_in_time(
    client: TaskTracker, task_type: str, through: Through, kind: Kind
) -> None:
    """Its end is under way to a service that does not answer: that of the pool does not wait for it."""
    task = client.register(task_type)
    wire = through(lambda word, _: "cut" if word in ("complete", "release") else "pass")
    pool = WorkerPool(concurrency=1, pool=kind, grace_seconds=0.2, lease_seconds=5)

    def work(job: Job[Any]) -> None:
        """Ends at once."""

    async def awork(job: AsyncJob[Any]) -> None:
        """Ends at once."""

    pool.task(task_type)(awork if kind == "tasks" else work)
    with run_aside(pool, wire.url):
        assert wait_for(lambda: wire.calls["complete"] > 0, SECONDS)
        began = time.monotonic()
    assert time.monotonic() - began < 15.0
    assert wait_for(lambda: client.get(task).status == "pending", SECONDS), "its lease does not lapse"


def test_a_programs_own_handler_is_back_before_the_loop_has_ended(
    client: TaskTracker, url: str, task_type: str
) -> None:
    """The loop waits for a thread of a job that was released; a signal meanwhile is the program's."""
    task = client.register(task_type)
    heard: list[int] = []
    pool = WorkerPool(concurrency=1, pool="tasks", grace_seconds=0.2)

    @pool.task(task_type)
    async def work(job: AsyncJob[Any]) -> None:
        await job.progress(begun=True)
        await asyncio.to_thread(time.sleep, 4)

    def stop_and_signal() -> None:
        assert wait_for(lambda: bool(client.get(task).last_seq_id), SECONDS)
        pool.stop()
        assert wait_for(lambda: client.get(task).status == "pending", SECONDS)
        time.sleep(0.5)
        os.kill(os.getpid(), signal.SIGTERM)

    before = signal.signal(signal.SIGTERM, lambda number, frame: heard.append(number))
    stopping = threading.Thread(target=stop_and_signal)
    try:
        stopping.start()
        pool.run(url)
    finally:
        stopping.join()
        signal.signal(signal.SIGTERM, before)
    assert heard == [signal.SIGTERM]
