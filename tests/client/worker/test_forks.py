"""Forks: what is open stays the parent's, and children are nobody's workers."""

from __future__ import annotations

import json

import pytest

from tasktracker_client import TaskTracker

from .forks import ran


def test_a_client_says_so_and_the_parents_answers_stay_its_own(url: str, task_type: str) -> None:
    told = json.loads(ran("client", url, task_type).stdout)

    assert told == {"child": 3, "wrong": 0, "ends": ["StatusChange"]}


@pytest.mark.parametrize("kind", ["threads", "processes", "tasks"])
def test_a_child_of_a_job_ends_by_its_signal_and_the_pool_goes_on(
    client: TaskTracker, url: str, task_type: str, kind: str
) -> None:
    tasks = [client.register(task_type) for _ in range(2)]
    ran("pool", url, task_type, kind)

    ended = [client.get(task) for task in tasks]
    assert [task.status for task in ended] == ["completed", "completed"]
    by_sigint = (
        None if kind == "processes" else 1
    )  # such a process leaves a Ctrl-C to its parent, from its start
    assert [task.result for task in ended] == [[-15, by_sigint]] * 2


@pytest.mark.parametrize("heartbeats", ["thread", "process"])
def test_a_child_that_leaves_the_block_leaves_the_job_alone(
    client: TaskTracker, url: str, task_type: str, heartbeats: str
) -> None:
    task = client.register(task_type)
    done = ran("block", url, task_type, heartbeats)

    assert json.loads(done.stdout) == {"child": 7, "ended": True}
    assert "Traceback" not in done.stderr
    assert (client.get(task).status, client.get(task).attempt) == ("completed", 1)
