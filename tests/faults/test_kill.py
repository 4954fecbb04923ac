"""A server killed in the middle of ends that progress races loses nothing that it acknowledged."""

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import httpx
import redis

from services import Service, wait_for

TASKS = 200


class Worker:
    """Reports progress of its task until it is refused, and remembers what was acknowledged."""

    def __init__(self, http: httpx.Client, task_id: str) -> None:
        self.http = http
        self.task_id = task_id
        self.acknowledged: list[int] = []

    def report(self, over: threading.Event) -> None:
        while not over.is_set():
            with suppress(httpx.TransportError):
                answer = self.http.post(
                    f"/{self.task_id}/progress", json={"progress": {"at": 1}, "attempt": 1}
                )
                if answer.status_code == 200:
                    self.acknowledged.append(answer.json()["seqId"])
                elif answer.status_code == 409:
                    return
                else:
                    assert answer.status_code == 503

    def complete(self) -> None:
        with suppress(httpx.TransportError):
            self.http.post(f"/{self.task_id}/complete", json={"attempt": 1})


def test_a_kill_amid_completions_loses_nothing_and_leaves_nothing_stuck(
    database_url: str, redis_url: str, redis_prefix: str
) -> None:
    service = Service(database_url, redis_url, redis_prefix=redis_prefix)
    over = threading.Event()
    with service, ThreadPoolExecutor(24) as pool:
        client = httpx.Client(base_url=f"{service.url}/api/v1/tasks", timeout=10, trust_env=False)
        workers = [Worker(client, f"task-{n}") for n in range(TASKS)]
        for worker in workers:
            assert client.post("", json={"taskId": worker.task_id, "taskType": "kill"}).status_code == 201
            assert client.post(f"/{worker.task_id}/start", json={}).status_code == 200
        reports = [pool.submit(worker.report, over) for worker in workers[:12]]
        ends = [pool.submit(worker.complete) for worker in workers]
        wait_for(lambda: sum(end.done() for end in ends) > TASKS // 3, 20)
        service.kill()
        over.set()
        for done in (*ends, *reports):
            done.result()

        service.start()
        with httpx.Client(base_url=f"{service.url}/api/v1/tasks", timeout=10, trust_env=False) as http:
            for worker in workers:
                _assert_whole(http, worker)
        with redis.Redis.from_url(redis_url) as store:
            assert wait_for(lambda: not list(store.scan_iter(f"{redis_prefix}:progress:*")), 45)
            assert not list(store.scan_iter(f"{redis_prefix}:seq:*"))
        client.close()


def _assert_whole(http: httpx.Client, worker: Worker) -> None:
    task = http.get(f"/{worker.task_id}").json()
    if task["status"] == "in_progress":
        assert http.post(f"/{worker.task_id}/complete", json={"attempt": 1}).status_code == 200
        task = http.get(f"/{worker.task_id}").json()
    numbers = [entry["seqId"] for entry in task["progressHistory"]]

    assert task["status"] == "completed"
    assert numbers == list(range(1, len(numbers) + 1))
    assert set(worker.acknowledged) <= set(numbers)
