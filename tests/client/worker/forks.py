"""Programs that fork: ``python -m client.worker.forks NAME URL TASK_TYPE ARG…`` does one of these functions.

Each tells on standard output, in JSON, what came of it.
"""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from tasktracker_client import AsyncJob, Job, TaskTracker, WorkerPool

TESTS: Final = Path(__file__).parents[2]


def tell(what: object) -> None:
    """One line to the test."""
    os.write(1, f"{json.dumps(what)}\n".encode())


def ended_children() -> list[int | None]:
    """How children ended that were asked to while they slept, by SIGTERM and by SIGINT."""
    return [ended_child(signal.SIGTERM), ended_child(signal.SIGINT)]


def ended_child(number: signal.Signals) -> int | None:
    """Its exit code; ``None`` where it goes on."""
    child = multiprocessing.get_context("fork").Process(target=time.sleep, args=(60,))
    child.start()
    time.sleep(0.3)
    os.kill(child.pid or 0, number)
    child.join(10)
    code = child.exitcode
    child.kill()
    return code


def work(job: Job[Any]) -> list[int | None]:
    """Do so in a job."""
    return ended_children()


async def awork(job: AsyncJob[Any]) -> list[int | None]:
    """The same for an event loop."""
    return await asyncio.to_thread(ended_children)


def pool(url: str, task_type: str, kind: Any) -> None:
    """Two such jobs, one after another."""
    crew = WorkerPool(concurrency=1, pool=kind, grace_seconds=3)
    crew.task(task_type)(awork if kind == "tasks" else work)
    crew.run(url, until_empty=True)


def client(url: str, task_type: str) -> None:
    """Ask in both processes, at the same time, for a task of one's own."""
    with TaskTracker(url) as made:
        mine, other = made.register(task_type), made.register(task_type)
        made.health()
        if (pid := os.fork()) == 0:
            try:
                made.get(other)
            except RuntimeError as error:
                os._exit(3 if "fork" in str(error) else 4)
            os._exit(5)
        wrong = sum(made.get(mine).id != mine.task_id for _ in range(50))
        with made.track(mine, timeout=5) as events:
            made.time_out(mine)
            ends = [type(each).__name__ for each in events]
        _, status = os.waitpid(pid, 0)
    tell({"child": os.waitstatus_to_exitcode(status), "wrong": wrong, "ends": ends})


def block(url: str, task_type: str, heartbeats: Any) -> None:
    """A child leaves the block of its parent's job; the parent works on for longer than its lease."""
    with TaskTracker(url) as made, made.worker(task_type, lease_seconds=5, heartbeats=heartbeats) as worker:
        job = worker.claim(10)
        assert job is not None
        with job:
            pid = os.fork()
            if pid == 0:
                sys.exit(7)
            _, status = os.waitpid(pid, 0)
            time.sleep(8)
            job.progress(late=True)
    tell({"child": os.waitstatus_to_exitcode(status), "ended": job.ended})


def ran(name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """One of these as a process, to its end."""
    return subprocess.run(
        [sys.executable, "-m", "client.worker.forks", name, *arguments],
        capture_output=True,
        text=True,
        cwd=TESTS,
        timeout=90,
        check=True,
    )


if __name__ == "__main__":
    functions: dict[str, Callable[..., None]] = {"pool": pool, "client": client, "block": block}
    functions[sys.argv[1]](*sys.argv[2:])
