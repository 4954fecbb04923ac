"""The bar that reports, with tqdm and without it."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator
from typing import Any

import pytest

from extras.conftest import Entries
from services import Service
from tasktracker_client import AsyncTaskTracker, Job, TaskTracker


@pytest.fixture
def job(client: TaskTracker, task_type: str) -> Any:
    client.register(task_type)
    with client.worker(task_type, latest_seconds=0) as worker:
        job = worker.claim()
        assert job is not None
        with job:
            yield job


def test_iterating_reports_and_draws(
    job: Job[Any], entries: Entries, capsys: pytest.CaptureFixture[str]
) -> None:
    assert list(job.tqdm("abcd", desc="letters", ncols=60)) == list("abcd")
    job.complete()

    assert entries(job.id)[-1] == {"done": 4, "total": 4, "percent": 100, "desc": "letters"}
    assert "letters: 100%" in capsys.readouterr().err


def test_it_is_moved_by_hand(job: Job[Any], entries: Entries) -> None:
    with job.tqdm(total=200, unit="B", unit_scale=True, disable=True) as bar:
        bar.update(50)
        bar.set_description("reading")
        bar.set_postfix(errors=2)
        bar.update(100)
        assert (bar.n, bar.total, len(bar)) == (150, 200, 200)
    job.complete()

    wanted = {"done": 150, "total": 200, "percent": 75, "desc": "reading", "postfix": {"errors": 2}}
    assert entries(job.id)[-1] == wanted


def test_its_calls_are_those_of_tqdm(job: Job[Any], entries: Entries) -> None:
    """Code written for the one runs with the other."""
    from tqdm import tqdm

    def use(bar: Any) -> tuple[float, float]:
        with bar as moved:
            moved.update()
            moved.update(2)
            moved.set_description("a", refresh=False)
            moved.set_postfix({"b": 1}, refresh=True, c=2)
            moved.write("a line")
            moved.reset(total=20)
            moved.update(5)
            moved.n = 7
            moved.refresh()
        moved.close()
        return moved.n, moved.total

    assert use(job.tqdm(total=10, disable=False)) == use(tqdm(total=10)) == (7, 20)
    job.complete()
    assert entries(job.id)[-1]["done"] == 7


def test_in_asyncio_too(service: Service, client: TaskTracker, task_type: str, entries: Entries) -> None:
    task = client.register(task_type)

    async def numbers() -> AsyncIterator[int]:
        for number in range(3):
            yield number

    async def work() -> list[int]:
        async with (
            AsyncTaskTracker(service.url) as tracker,
            tracker.worker(task_type, latest_seconds=0) as worker,
        ):
            job = await worker.claim()
            assert job is not None
            async with job:
                return [number async for number in job.tqdm(numbers())] + list(job.tqdm([7, 8]))
        raise AssertionError

    assert asyncio.run(work()) == [0, 1, 2, 7, 8]
    assert entries(task.task_id)[-1] == {"done": 2, "total": 2, "percent": 100}


def test_without_tqdm_it_reports_all_the_same(
    service: Service, client: TaskTracker, task_type: str, entries: Entries
) -> None:
    task = client.register(task_type)
    program = f"""
import sys
sys.modules["tqdm"] = None
from tasktracker_client import TaskTracker
with TaskTracker({service.url!r}) as client, client.worker({task_type!r}) as worker, worker.claim() as job:
    for _ in job.tqdm(range(5), desc="alone", leave=False):
        pass
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False
    )

    assert (done.returncode, done.stderr) == (0, "")
    assert entries(task.task_id)[-1] == {"done": 5, "total": 5, "percent": 100, "desc": "alone"}
