"""Workers as processes of their own, to be stopped, killed and starved.

``python -m client.worker.programs NAME URL TASK_TYPE ARG…`` does one of the functions below; each tells on
standard output what a test waits for.
"""

from __future__ import annotations

import ctypes
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from tasktracker_client import LeaseLost, TaskTracker

TESTS: Final = Path(__file__).parents[2]
STEPS: Final = 5
"""Entries of a job of ``until_killed``."""


def tell(text: object) -> None:
    """One line to the test."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def stopped(url: str, task_type: str, heartbeats: Any) -> None:
    """Is stopped past its lease, then reports."""
    with TaskTracker(url) as client:
        worker = client.worker(task_type, lease_seconds=5, heartbeats=heartbeats)
        job = worker.claim(10)
        assert job is not None
        job.progress(before=True)
        time.sleep(0.3)
        tell("working")
        sys.stdin.readline()  # after it was stopped: the line is there when it goes on
        try:
            job.progress(after=True)
            tell("went on")
        except LeaseLost:
            tell("LeaseLost")
        worker.close()


def starving(url: str, task_type: str, seconds: str) -> None:
    """Keeps the interpreter's lock in C for so long."""
    with TaskTracker(url) as client:
        with client.worker(task_type, lease_seconds=5, heartbeats="process") as worker:
            job = worker.claim(10)
            assert job is not None
            with job:
                tell("working")
                ctypes.PyDLL(None).sleep(int(seconds))  # unlike CDLL, it does not let others run
                job.progress(after=True)
        tell("ended" if job.ended else "lost")


def until_killed(url: str, task_type: str) -> None:
    """Works on what there is: reports attempt, worker and steps, and completes with both."""
    with (
        TaskTracker(url) as client,
        client.worker(task_type, lease_seconds=5, wait_seconds=5) as worker,
    ):
        for job in worker:
            with job:
                for step in range(STEPS):
                    job.progress(step=step, attempt=job.attempt, worker=job.worker_id)
                    time.sleep(job.params["sleep"])
                job.complete({"attempt": job.attempt, "worker": job.worker_id})


@contextmanager
def running(name: str, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """One of these as a process; killed at the end of the block if it is still there."""
    process = subprocess.Popen(
        [sys.executable, "-m", "client.worker.programs", name, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=TESTS,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate(timeout=30)


def told(process: subprocess.Popen[str]) -> str:
    """Its next line."""
    assert process.stdout is not None
    return process.stdout.readline().rstrip("\n")


if __name__ == "__main__":
    functions: dict[str, Callable[..., None]] = {"stopped": stopped, "starving": starving}
    functions[sys.argv[1]](*sys.argv[2:])
