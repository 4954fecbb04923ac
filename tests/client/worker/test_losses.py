"""What networks and services lose does not show: each entry once, one outcome."""

from __future__ import annotations

import random
import threading
from functools import partial
from typing import Any

import pytest
import redis

from client.proxy import Answered, Proxy, always
from client.proxy import first as first_ones
from services import Service, wait_for
from tasktracker_client import TaskTracker

from .conftest import MakeWorker, Through
from .test_blocks import one
from .test_progress import entries
from .wire import Fate, first


@pytest.mark.parametrize("fate", ["drop", "cut"])
@pytest.mark.parametrize("word", ["claim", "progress", "heartbeat", "complete", "fail", "release"])
def test_an_answer_lost(
    client: TaskTracker, task_type: str, worker: MakeWorker, through: Through, word: str, fate: Fate
) -> None:
    task = client.register(task_type, max_retries=0)
    wire = through(first(word, fate, 2))
    with TaskTracker(wire.url) as own, one(worker(own, lease_seconds=5)) as job:
        for number in range(3):
            job.progress(number=number)
            assert wait_for(lambda: word in ("progress", "heartbeat") or job._held.outbox.is_empty, 10)
        assert wait_for(lambda: word not in ("progress", "heartbeat") or wire.lost == 2, 10)
        job.progress(number=3)
        getattr(job, word if word in ("fail", "release") else "complete")()
    assert wire.lost == 2
    assert [entry["number"] for entry in entries(client, task)] == [0, 1, 2, 3]
    seen = client.get(task)
    assert seen.attempt == 1
    assert seen.status == {"fail": "failed", "release": "pending"}.get(word, "completed")


def test_a_third_of_everything_lost(
    client: TaskTracker, task_type: str, worker: MakeWorker, through: Through
) -> None:
    chance = random.Random(7)
    wire = through(lambda word, number: chance.choices(("pass", "drop", "cut"), (4, 1, 1))[0])
    tasks = [client.register(task_type, {"number": number}) for number in range(5)]
    done = []
    with TaskTracker(wire.url) as own:
        for job in worker(own, until_empty=True):
            with job:
                for number in range(400):
                    job.progress(number=number)
                    if number % 40 == 0:
                        wait_for(partial(getattr, job._held.outbox, "is_empty"), 0.3)
                done.append(job.params["number"])
    assert wire.lost > 5
    assert done == list(range(5))
    for task in tasks:
        seen = client.get(task)
        assert (seen.status, seen.attempt) == ("completed", 1)
        assert [entry["number"] for entry in entries(client, task)] == list(range(400))


def test_the_service_away_in_a_job_its_end_and_its_claim(own_service: Service, task_type: str) -> None:
    """Away four times for longer than the client's first pauses."""
    with TaskTracker(own_service.url) as client, client.worker(task_type, lease_seconds=5) as worker:
        task = client.register(task_type)
        job = one(worker)
        with job:
            job.progress(number=1)
            own_service.kill()
            for number in range(2, 200):
                job.progress(number=number)
            own_service.start()
            job.progress(number=200)
            assert wait_for(lambda: job._held.outbox.is_empty, 20)
            own_service.kill()
            back = threading.Timer(2.0, own_service.start)
            back.start()
            job.progress(number=201)
            job.complete("done")
            back.join()
        assert [entry["number"] for entry in entries(client, task)] == list(range(1, 202))
        assert (client.get(task).result, client.get(task).attempt) == ("done", 1)
        _claimed_across_a_restart(own_service, client, worker, task_type)


def _claimed_across_a_restart(own_service: Service, client: TaskTracker, worker: Any, task_type: str) -> None:
    claimed: list[Any] = []
    waiting = threading.Thread(target=lambda: claimed.append(worker.claim(20)))
    waiting.start()
    own_service.kill()
    assert not wait_for(lambda: bool(claimed), 1.0)
    own_service.start()
    task = client.register(task_type)
    waiting.join(60)
    assert [job.id for job in claimed] == [task.task_id]
    claimed[0].complete()
    assert client.get(task).attempt == 1


@pytest.mark.slow
def test_the_service_away_for_minutes(own_service: Service, task_type: str) -> None:
    """Twelve times the lease; what waits may wait longer than any of its leases."""
    with TaskTracker(own_service.url) as client, client.worker(task_type, lease_seconds=5) as worker:
        task = client.register(task_type)
        with one(worker) as job:
            job.progress(number=1)
            own_service.kill()
            assert not wait_for(lambda: job.lease_lost, 60)
            job.progress(number=2)
            back = threading.Timer(60.0, own_service.start)
            back.start()
            job.complete("done")
            back.join()
        assert [entry["number"] for entry in entries(client, task)] == [1, 2]
        assert (client.get(task).result, client.get(task).attempt) == ("done", 1)


def test_numbers_go_on_where_the_live_store_lost_a_task(
    service: Service, redis_url: str, redis_prefix: str, task_type: str
) -> None:
    with TaskTracker(service.url) as client, client.worker(task_type) as worker:
        task = client.register(task_type)
        with one(worker) as job:
            for number in range(3):
                job.progress(number=number)
            assert wait_for(lambda: job._held.outbox.is_empty, 10)
            with redis.Redis.from_url(redis_url) as store:
                store.delete(*store.scan_iter(f"{redis_prefix}:*{task.task_id}*"))
            for number in range(3, 10):
                job.progress(number=number)
        found = list(client.get(task).progress_history or ())
    numbers = [entry["seqId"] for entry in found]
    assert [entry["number"] for entry in found] == list(range(3, 10))
    assert numbers[0] > 3
    assert numbers == list(range(numbers[0], numbers[0] + 7))


def test_entries_wait_for_a_key_that_is_wrong_just_now(client: TaskTracker, url: str, task_type: str) -> None:
    task = client.register(task_type)
    body = b'{"code":"unauthorized","message":"who are you?","details":{}}'
    refused = first_ones(3, Answered("401 Unauthorized", body), "/progress")
    with Proxy(url, refused) as proxy, TaskTracker(proxy.url) as own, own.worker(task_type) as worker:
        with one(worker) as job:
            for number in range(3):
                job.progress(number=number)
            assert wait_for(lambda: job._held.outbox.is_empty, 20)
        assert proxy.count("/progress") >= 4
    assert [entry["number"] for entry in entries(client, task)] == [0, 1, 2]


def test_numbers_that_are_refused_for_ever_are_not_sent_in_haste(
    client: TaskTracker, url: str, task_type: str
) -> None:
    """Nothing but a broken service says so."""
    task = client.register(task_type)
    body = b'{"code":"seq_gap","message":"not that one","details":{"expectedSeqId":7}}'
    refused = always(Answered("409 Conflict", body), "/progress")
    with Proxy(url, refused) as proxy, TaskTracker(proxy.url) as own, own.worker(task_type) as worker:
        job = one(worker)
        job.progress(number=1)
        assert not wait_for(lambda: job._held.outbox.is_empty, 3.0)
        assert 2 <= proxy.count("/progress") < 10
    assert entries(client, task) == []


def test_an_interrupted_claim_keeps_nothing(
    client: TaskTracker, task_type: str, worker: MakeWorker, through: Through
) -> None:
    """Its answer was lost, and then the worker was told to stop: the task is not left to its lease."""
    task = client.register(task_type)
    wire = through(first("claim", "drop", 1))
    with TaskTracker(wire.url) as own:
        made = worker(own)
        threading.Timer(0.05, made.stop).start()
        job = made.claim(0)
        if job is not None:  # the repeat was faster than the stop
            job.release()
        made.close()
    seen = client.get(task)
    assert (seen.status, seen.attempt) == ("pending", 1)
