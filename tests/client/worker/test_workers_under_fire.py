"""Worker processes killed at random points: every task ends once, none twice, none stuck.

A task's entries are the record of what its attempts did: each attempt reports its number and its worker, then
steps, and completes with both. Killed processes leave their tasks to the lease.
"""

from __future__ import annotations

import multiprocessing
import random
import sys
import time
from collections import Counter
from contextlib import ExitStack
from multiprocessing.context import ForkServerProcess
from typing import Any

import pytest

from tasktracker_client import NewTask, TaskTracker

from .programs import STEPS, until_killed


class Crew:
    """Worker processes, of which a random one dies now and then and is replaced."""

    def __init__(self, url: str, task_type: str, size: int, chance: random.Random) -> None:
        # Forked off a process that has imported all and opened nothing: hundreds are begun in a minute.
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload(["tasktracker_client"])
        self._arguments = (url, task_type)
        self._chance = chance
        self._processes = [self._start() for _ in range(size)]
        self.killed = 0

    def __enter__(self) -> Crew:
        return self

    def __exit__(self, *_: object) -> None:
        for process in self._processes:
            process.kill()
            process.join(30)

    def _start(self) -> ForkServerProcess:
        process = self._context.Process(target=until_killed, args=self._arguments)
        process.start()
        return process

    def kill_one(self) -> None:
        """Wherever it is in its work."""
        at = self._chance.randrange(len(self._processes))
        self._processes[at].kill()
        self._processes[at].join(30)
        self._processes[at] = self._start()
        self.killed += 1


def tasks_left(client: TaskTracker, task_type: str) -> int:
    stats = next((each for each in client.stats().types if each.task_type == task_type), None)
    if stats is None:
        return 0
    return stats.counts.pending + stats.counts.in_progress


@pytest.mark.parametrize(
    ("jobs", "size", "kills"),
    [
        pytest.param(300, 3, 100, id="short"),
        pytest.param(10_000, 8, 3_400, marks=pytest.mark.slow, id="long"),
    ],
)
def test_every_task_ends_once(
    client: TaskTracker, url: str, task_type: str, jobs: int, size: int, kills: int
) -> None:
    chance = random.Random(11)
    outcomes = client.register_many(
        NewTask(task_type=task_type, task_id=f"{task_type}-{number}", params={"sleep": 0.002}, max_retries=0)
        for number in range(jobs)
    )
    assert all(outcome.ok for outcome in outcomes)
    began = time.monotonic()
    with ExitStack() as stack:
        crew = stack.enter_context(Crew(url, task_type, size, chance))
        deadline = began + 60 + jobs * 0.5
        while left := tasks_left(client, task_type):
            assert time.monotonic() < deadline, f"{left} tasks are stuck"
            # Spread over the work: as many killed by now as of the tasks are done.
            if crew.killed < kills * (jobs - left) / jobs:
                crew.kill_one()
            time.sleep(chance.uniform(0.0, 0.05))
    figures = check(client, task_type, jobs)
    figures.update(killed=crew.killed, seconds=round(time.monotonic() - began))
    sys.stdout.write(f"{dict(figures)}\n")
    assert crew.killed >= kills // 2
    assert figures["taken over"] > 0, "nobody was killed with a job in hand"


def check(client: TaskTracker, task_type: str, jobs: int) -> Counter[str]:
    """Hold each task's history against its outcome; how many there were of what."""
    figures: Counter[str] = Counter()
    for row in client.tasks(task_type=task_type):
        task = client.get(row.id)
        assert task.status == "completed", task
        figures["completed"] += 1
        figures["taken over"] += task.attempt > 1
        _check_entries(task)
    assert figures["completed"] == jobs
    return figures


def _check_entries(task: Any) -> None:
    """The attempts one after another; each without holes from its first step, the last one whole."""
    entries = list(task.progress_history or ())
    assert [entry["seqId"] for entry in entries] == list(range(1, len(entries) + 1)), task.id
    attempts = [entry["attempt"] for entry in entries]
    assert attempts == sorted(attempts), task.id
    for attempt in set(attempts):
        steps = [entry["step"] for entry in entries if entry["attempt"] == attempt]
        assert steps == list(range(len(steps))), (task.id, attempt)
    last = [entry for entry in entries if entry["attempt"] == task.attempt]
    assert len(last) == STEPS, task.id
    assert task.result == {"attempt": task.attempt, "worker": last[0]["worker"]}, task.id
