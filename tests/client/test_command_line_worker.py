"""``tasktracker worker``: a pool of workers by its name, against the real service."""

import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from tasktracker_client import TaskTracker

from .command_line import SECONDS, Shell


@pytest.fixture
def shell(service_urls: list[str]) -> Shell:
    return Shell(service_urls[0])


@pytest.fixture
def api(service_urls: list[str]) -> Iterator[TaskTracker]:
    with TaskTracker(service_urls[0]) as client:
        yield client


@pytest.fixture
def task_type() -> str:
    return f"cli.{uuid4().hex[:8]}"


POOL = """
from tasktracker_client import Job, WorkerPool

pool = WorkerPool(concurrency=2, pool={kind!r})
nothing = 1

@pool.task({task_type!r})
def double(job: Job) -> dict:
    return {{"doubled": job.params["n"] * 2}}
"""


@pytest.mark.parametrize("kind", ["threads", "processes"])
def test_worker_runs_a_pool_of_a_module_here(
    shell: Shell, api: TaskTracker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, task_type: str
) -> None:
    (tmp_path / "my_tasks.py").write_text(POOL.format(kind=kind, task_type=task_type))
    monkeypatch.chdir(tmp_path)
    done = [api.register(task_type, {"n": n}) for n in range(4)]
    with shell.started("worker", "my_tasks:pool") as working:
        results: list[Any] = [api.wait(task, timeout=SECONDS).result for task in done]
        working.send_signal(signal.SIGTERM)
        assert working.wait(SECONDS) == 0

    assert results == [{"doubled": 2 * n} for n in range(4)]


@pytest.mark.parametrize(
    ("place", "says"),
    [
        ("my_tasks", "MODULE:POOL"),
        ("no_such.module:pool", "no module"),
        ("my_tasks:pol", "nothing of that name"),
        ("my_tasks:nothing", "a int"),
        ("./my_tasks.py:pool", "MODULE:POOL"),
        (".my_tasks:pool", "MODULE:POOL"),
    ],
)
def test_worker_says_what_is_wrong_with_its_pool(
    shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str, says: str
) -> None:
    (tmp_path / "my_tasks.py").write_text(POOL.format(kind="threads", task_type="x"))
    monkeypatch.chdir(tmp_path)
    ran = shell.run("worker", place)

    assert ran.code == 2
    assert says in ran.err


def test_worker_logs_to_the_terminal_beside_progress(
    shell: Shell, api: TaskTracker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, task_type: str
) -> None:
    told = (
        "import logging\nfrom tasktracker_client import JobLogHandler\n"
        "logging.getLogger().addHandler(JobLogHandler())\n"
    )
    (tmp_path / "my_tasks.py").write_text(told + POOL.format(kind="threads", task_type=task_type))
    monkeypatch.chdir(tmp_path)
    api.register(task_type, {"n": None})
    ran = shell.run("worker", "my_tasks:pool", "--until-empty", may_trace=True)

    assert (ran.code, task_type in ran.err) == (0, True)
    assert "TypeError: unsupported operand" in ran.err
