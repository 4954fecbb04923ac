"""Pools of workers as processes of their own.

``python -m client.worker.crews KIND URL OPTIONS`` runs a pool; ``OPTIONS`` are those of ``WorkerPool``
in JSON, beside ``until_empty`` and ``task_type``. Functions live in this module, so that a pool of processes
finds them. A line on standard output says when a job has begun.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, TypedDict

import msgspec

from tasktracker_client import AsyncJob, FailJob, Job, WorkerPool

TESTS: Final = Path(__file__).parents[2]


class Order(TypedDict, total=False):
    """What a job of these pools is told to do."""

    sleep: float
    crash: bool
    fail: bool
    exit: bool
    tell: bool
    spin: float
    number: int


def tell(text: object) -> None:
    """One line to the test, whole whoever else writes."""
    os.write(1, f"{text}\n".encode())


def work(job: Job[Order]) -> dict[str, Any]:
    """Do what the params say."""
    tell(f"begun {os.getpid()}")
    if job.params.get("tell"):
        job.progress(begun=True)
    if job.params.get("crash") and job.attempt == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    if job.params.get("fail"):
        raise FailJob("as told", retry=False)
    if job.params.get("exit"):
        sys.exit("as told")
    until = time.monotonic() + job.params.get("spin", 0)
    while time.monotonic() < until:
        job.check()
    until = time.monotonic() + job.params.get("sleep", 0)
    while (left := until - time.monotonic()) > 0:
        time.sleep(min(left, 0.05))
    job.progress(done=True)
    return {"number": job.params.get("number")}


async def awork(job: AsyncJob[Order]) -> dict[str, Any]:
    """The same for an event loop."""
    tell(f"begun {os.getpid()}")
    if job.params.get("tell"):
        await job.progress(begun=True)
    if job.params.get("fail"):
        raise FailJob("as told", retry=False)
    if job.params.get("exit"):
        sys.exit("as told")
    await asyncio.sleep(job.params.get("sleep", 0) + job.params.get("spin", 0))
    await job.progress(done=True)
    return {"number": job.params.get("number")}


@contextmanager
def running(kind: str, url: str, task_type: str, **options: Any) -> Iterator[subprocess.Popen[str]]:
    """A pool as a process in a group of its own; all of it is killed at the end of the block."""
    told = json.dumps({"task_type": task_type, **options})
    process = subprocess.Popen(
        [sys.executable, "-m", "client.worker.crews", kind, url, told],
        stdout=subprocess.PIPE,
        text=True,
        cwd=TESTS,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        with _no_such_process():
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate(timeout=30)


@contextmanager
def _no_such_process() -> Iterator[None]:
    try:
        yield
    except ProcessLookupError:
        return


def main(kind: Any, url: str, told: str) -> None:
    """Run the pool."""
    logging.basicConfig(level=logging.INFO)
    options = msgspec.json.decode(told)
    task_type, until_empty = options.pop("task_type"), options.pop("until_empty", False)
    pool = WorkerPool(pool=kind, **options)
    pool.task(task_type)(awork if kind == "tasks" else work)
    pool.run(url, until_empty=until_empty)
    tell("over")


if __name__ == "__main__":
    main(*sys.argv[1:])
