"""What a job reports arrives: all of it, once, in order; and what is refused is told."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import Any

import msgspec
import pytest

from services import wait_for
from tasktracker_client import Job, TaskTracker, TooLarge

from .conftest import MakeWorker, Through
from .test_blocks import one


def entries(client: TaskTracker, task: Any) -> list[dict[str, Any]]:
    """All that is recorded of a task's progress, without the numbers, which have to be 1, 2, 3 …"""
    found = list(client.get(task).progress_history or ())
    assert [entry.pop("seqId") for entry in found] == list(range(1, len(found) + 1))
    return found


def test_thousands_come_in_order_and_once(client: TaskTracker, task_type: str, worker: MakeWorker) -> None:
    task = client.register(task_type)
    with one(worker()) as job:
        for number in range(9_000):
            job.progress(number=number)
    assert [entry["number"] for entry in entries(client, task)] == list(range(9_000))


def test_big_ones_are_sent_in_several_calls(
    client: TaskTracker, task_type: str, worker: MakeWorker, through: Through
) -> None:
    task = client.register(task_type)
    wire = through(lambda *_: "pass")
    with TaskTracker(wire.url) as own, one(worker(own)) as job:
        for number in range(200):
            job.progress(number=number, text="x" * 60_000)
    assert [entry["number"] for entry in entries(client, task)] == list(range(200))
    assert wire.calls["progress"] >= 200 * 60_000 // (512 * 1024)


def test_one_over_the_limit_is_told_and_the_others_go_on(
    client: TaskTracker, task_type: str, worker: MakeWorker
) -> None:
    task = client.register(task_type)
    with one(worker()) as job:
        told = 0
        for number in range(50):
            try:
                job.progress(number=number, text="x" * (70_000 if number in (20, 21, 40) else 10))
            except TooLarge:
                told += 1
                job.progress(number=number)
        assert wait_for(lambda: told > 0 or _is_told(job), 10)
    assert [entry["number"] for entry in entries(client, task)] == [
        number for number in range(50) if number not in (20, 21, 40)
    ]


def _is_told(job: Job[Any]) -> bool:
    try:
        job.check()
    except TooLarge:
        return True
    return False


def test_one_refused_with_the_end_spoils_only_itself_and_is_told(
    client: TaskTracker, task_type: str, worker: MakeWorker
) -> None:
    task = client.register(task_type)
    with one(worker()) as job:
        job.progress(number=1)
        job.progress(text="x" * 70_000)
        job.progress(number=2)
        with pytest.raises(TooLarge):
            job.complete("done")
        job.complete("done")
    assert entries(client, task) == [{"number": 1}, {"number": 2}]
    assert client.get(task).result == "done"


@pytest.mark.parametrize("call", ["progress", "latest"])
def test_a_job_whose_last_entry_is_refused_fails(
    client: TaskTracker, task_type: str, worker: MakeWorker, call: str
) -> None:
    task = client.register(task_type, max_retries=0)
    with one(worker()) as job:
        getattr(job, call)(number=1)
        getattr(job, call)(text="x" * 70_000)
    ended = client.get(task)
    assert ended.status == "failed"
    assert ended.error["type"].endswith("TooLarge")


def test_a_job_that_fails_or_is_released_does_so_whatever_became_of_its_entries(
    client: TaskTracker, task_type: str, worker: MakeWorker, caplog: pytest.LogCaptureFixture
) -> None:
    for end in (Job.fail, Job.release):
        task = client.register(task_type, max_retries=0)
        with one(worker()) as job:
            job.progress(text="x" * 70_000)
            end(job)
        assert client.get(task).status == ("failed" if end is Job.fail else "pending")
    assert any("was refused" in each.message for each in caplog.records)


def test_a_large_result_and_large_entries_fit_apart(
    client: TaskTracker, task_type: str, worker: MakeWorker
) -> None:
    task = client.register(task_type)
    with one(worker()) as job:
        for number in range(8):
            job.progress(number=number, text="x" * 60_000)
        job.complete("y" * 900_000)
    assert len(entries(client, task)) == 8
    assert client.get(task).status == "completed"


def test_a_job_that_ends_at_once_takes_its_entries_along(
    client: TaskTracker, task_type: str, worker: MakeWorker, through: Through
) -> None:
    task = client.register(task_type)
    wire = through(lambda *_: "pass")
    with TaskTracker(wire.url) as own, one(worker(own)) as job:
        job.progress(number=1)
        job.progress({"number": 2})
        job.complete()
    assert entries(client, task) == [{"number": 1}, {"number": 2}]
    assert wire.calls["complete"] == 1
    assert wire.calls["progress"] <= 1, "one, on a machine that took 10 ms for three lines"


def test_the_latest_goes_out_at_its_rate_and_the_last_one_always(
    client: TaskTracker, task_type: str, worker: MakeWorker
) -> None:
    task = client.register(task_type)
    with one(worker(latest_seconds=0.3)) as job:
        until, percent = time.monotonic() + 1.5, 0
        while time.monotonic() < until:
            percent += 1
            job.latest(percent=percent)
            wait_for(lambda: False, 0.005)
    found = [entry["percent"] for entry in entries(client, task)]
    assert found == sorted(set(found))
    assert found[0] == 1
    assert found[-1] == percent
    assert 4 <= len(found) <= 8, found


def test_an_entry_is_not_held_up_by_the_latest_before_it(
    client: TaskTracker, task_type: str, worker: MakeWorker
) -> None:
    task = client.register(task_type)
    with one(worker(latest_seconds=60)) as job:
        job.latest(step=0)
        assert wait_for(lambda: client.get(task).last_seq_id == 1, 5)
        job.latest(step=1)
        job.progress(line="at once")
        assert wait_for(lambda: client.get(task).last_seq_id == 3, 5)
    assert entries(client, task) == [{"step": 0}, {"step": 1}, {"line": "at once"}]


def test_steps_report_how_far_it_is(client: TaskTracker, task_type: str, worker: MakeWorker) -> None:
    task = client.register(task_type)
    with one(worker(latest_seconds=0)) as job:
        seen = list(job.steps("abcd", stage="letters"))
    assert seen == list("abcd")
    found = entries(client, task)
    assert found[-1] == {"done": 4, "total": 4, "percent": 100.0, "stage": "letters"}
    assert [entry["done"] for entry in found] == sorted({entry["done"] for entry in found})


@pytest.mark.parametrize(
    ("total", "last"), [(None, {"done": 3}), (6, {"done": 3, "total": 6, "percent": 50.0})]
)
def test_steps_of_what_has_no_length(
    client: TaskTracker, task_type: str, worker: MakeWorker, total: int | None, last: dict[str, Any]
) -> None:
    task = client.register(task_type)
    with one(worker()) as job:
        for _ in job.steps(iter(range(3)), total=total):
            pass
    assert entries(client, task)[-1] == last


def test_several_threads_of_one_job_report(client: TaskTracker, task_type: str, worker: MakeWorker) -> None:
    task = client.register(task_type)
    with one(worker()) as job:

        def report(who: int) -> None:
            for number in range(500):
                job.progress(who=who, number=number)

        threads = [threading.Thread(target=report, args=(who,)) for who in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    found = entries(client, task)
    for who in range(6):
        assert [entry["number"] for entry in found if entry["who"] == who] == list(range(500))


def test_one_busy_job_holds_up_no_other(client: TaskTracker, task_type: str, worker: MakeWorker) -> None:
    for _ in range(2):
        client.register(task_type)
    made = worker()
    busy, quiet = made.take(0), made.take(0)
    assert busy is not None
    assert quiet is not None
    over = threading.Event()

    def report() -> None:
        while not over.is_set():
            busy.progress(text="x" * 1000)

    thread = threading.Thread(target=report)
    thread.start()
    try:
        assert wait_for(lambda: (client.get(busy).last_seq_id or 0) > 100, 10)
        quiet.progress(number=1)
        assert wait_for(lambda: client.get(quiet).last_seq_id == 1, 2)
    finally:
        over.set()
        thread.join()
    busy.release()
    quiet.complete()


@dataclass
class Seen:
    pages: int


class Told(msgspec.Struct):
    lines: int


def test_an_entry_is_any_object(client: TaskTracker, task_type: str, worker: MakeWorker) -> None:
    task = client.register(task_type)
    with one(worker()) as job:
        job.progress(Seen(3))
        job.progress(Told(4), percent=5)
        job.progress()
        job.progress({"text": 'a "seqId" in a text', "nested": {"seqId": 9}})
    assert entries(client, task) == [
        {"pages": 3},
        {"lines": 4, "percent": 5},
        {},
        {"text": 'a "seqId" in a text', "nested": {"seqId": 9}},
    ]


class Numbered(msgspec.Struct, rename="camel"):
    seq_id: int


@pytest.mark.parametrize("entry", [{"seqId": 1}, Numbered(1), [1], "text", 5])
def test_what_is_no_entry_is_refused_at_once(
    client: TaskTracker, task_type: str, worker: MakeWorker, entry: Any
) -> None:
    client.register(task_type)
    with one(worker()) as job, pytest.raises(ValueError):  # noqa: PT011 - which one is told in the unit tests
        job.progress(entry)
