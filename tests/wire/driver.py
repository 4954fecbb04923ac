"""The calls as short verbs: writes go to the first instance, reads to the last, nothing is judged."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Any

import httpx

from .rawhttp import Connection
from .sse import Stream

TASKS = "/api/v1/tasks"
EVENTS = "/api/v1/events"

Json = dict[str, Any]


def unique(prefix: str = "t") -> str:
    """A name no other test and no earlier run has used."""
    return f"{prefix}-{uuid.uuid4().hex[:20]}"


@dataclass(frozen=True)
class Driver:
    """Calls one deployment through one or two of its instances."""

    write: httpx.Client
    read: httpx.Client

    def register(self, task_type: str, **fields: Any) -> httpx.Response:
        return self.write.post(TASKS, json={"taskType": task_type, **fields})

    def claim(self, *task_types: str, worker: str, **fields: Any) -> httpx.Response:
        return self.write.post(f"{TASKS}/claim", json={"taskTypes": task_types, "workerId": worker, **fields})

    def post(self, task_id: str, verb: str, body: Json | None = None) -> httpx.Response:
        """Call any verb of a task; no body at all when `body` is left out."""
        target = f"{TASKS}/{task_id}/{verb}"
        return self.write.post(target) if body is None else self.write.post(target, json=body)

    def start(self, task_id: str, **fields: Any) -> httpx.Response:
        return self.post(task_id, "start", fields)

    def progress(self, task_id: str, progress: Json | list[Json], **fields: Any) -> httpx.Response:
        return self.post(task_id, "progress", {"progress": progress, **fields})

    def complete(self, task_id: str, **fields: Any) -> httpx.Response:
        return self.post(task_id, "complete", fields)

    def fail(self, task_id: str, **fields: Any) -> httpx.Response:
        return self.post(task_id, "fail", fields)

    def timeout(self, task_id: str, **fields: Any) -> httpx.Response:
        return self.post(task_id, "timeout", fields)

    def release(self, task_id: str, **fields: Any) -> httpx.Response:
        return self.post(task_id, "release", fields)

    def heartbeat(self, task_id: str, **fields: Any) -> httpx.Response:
        return self.post(task_id, "heartbeat", fields)

    def cancel(self, task_id: str, **fields: Any) -> httpx.Response:
        return self.post(task_id, "cancel", fields)

    def bulk(self, verb: str, items: list[Any]) -> httpx.Response:
        field = "tasks" if verb == "register" else "items"
        return self.write.post(f"{TASKS}/bulk/{verb}", json={field: items})

    def outcomes(self, verb: str, items: list[Any]) -> list[Json]:
        """What became of each item of a bulk call."""
        answer = self.bulk(verb, items)
        assert answer.status_code == 200, answer.text
        results: list[Json] = answer.json()["results"]
        assert len(results) == len(items)
        assert answer.json()["failedCount"] == sum(one["statusCode"] >= 400 for one in results)
        return results

    def retry(self, task_id: str) -> httpx.Response:
        return self.post(task_id, "retry")

    def get(self, task_id: str, query: str = "") -> httpx.Response:
        return self.read.get(f"{TASKS}/{task_id}{query}")

    def page(self, task_id: str, query: str = "") -> Json:
        """A page of the task's history."""
        answer = self.read.get(f"{TASKS}/{task_id}/progress{query}", timeout=70)
        assert answer.status_code == 200, answer.text
        page: Json = answer.json()
        return page

    def track(self, task_id: str, query: str = "", last_event_id: str | None = None) -> Stream:
        """Open a stream; the caller closes it (`with`)."""
        headers = {} if last_event_id is None else {"Last-Event-ID": last_event_id}
        connection = Connection(str(self.read.base_url))
        try:
            return Stream(connection, f"{TASKS}/{task_id}/track{query}", headers)
        except BaseException:
            connection.close()
            raise

    def events(self, query: str = "") -> Stream:
        """Open a stream of many tasks; the caller closes it (`with`)."""
        connection = Connection(str(self.read.base_url))
        try:
            return Stream(connection, f"{EVENTS}{query}", {})
        except BaseException:
            connection.close()
            raise

    def task(self, task_id: str) -> Json:
        """The task as it reads now."""
        answer = self.get(task_id)
        assert answer.status_code == 200, answer.text
        task: Json = answer.json()
        return task

    def new(self, task_type: str, **fields: Any) -> str:
        """Register a task and return its id."""
        answer = self.register(task_type, **fields)
        assert answer.status_code == 201, answer.text
        task_id: str = answer.json()["taskId"]
        return task_id

    def claimed(self, *task_types: str, worker: str, **fields: Any) -> Json | None:
        """What a claim got: a task or None."""
        answer = self.claim(*task_types, worker=worker, **fields)
        assert answer.status_code == 200, answer.text
        task: Json | None = answer.json()
        return task

    def held(self, task_type: str, worker: str, **fields: Any) -> Held:
        """A new task in the hands of `worker`."""
        task_id = self.new(task_type, **fields)
        return self.started(task_id, worker)

    def started(self, task_id: str, worker: str, **fields: Any) -> Held:
        """This very task, started by `worker`."""
        answer = self.start(task_id, workerId=worker, **fields)
        assert answer.status_code == 200, answer.text
        return Held(self, task_id, worker, answer.json()["attempt"])

    def taken(self, *task_types: str, worker: str) -> Held:
        """The next task of these types, claimed by `worker`."""
        task = self.claimed(*task_types, worker=worker)
        assert task is not None, "nothing to claim"
        return Held(self, task["id"], worker, task["attempt"])


@dataclass(frozen=True)
class Held:
    """A task in progress, with the identity its worker sends along."""

    driver: Driver
    task_id: str
    worker: str
    attempt: int

    @property
    def identity(self) -> Json:
        return {"workerId": self.worker, "attempt": self.attempt}

    def progress(self, progress: Json | list[Json]) -> httpx.Response:
        return self.driver.progress(self.task_id, progress, **self.identity)

    def complete(self, **fields: Any) -> httpx.Response:
        return self.driver.complete(self.task_id, **self.identity, **fields)

    def fail(self, **fields: Any) -> httpx.Response:
        return self.driver.fail(self.task_id, **self.identity, **fields)

    def release(self) -> httpx.Response:
        return self.driver.release(self.task_id, **self.identity)

    def heartbeat(self, **fields: Any) -> httpx.Response:
        return self.driver.heartbeat(self.task_id, **self.identity, **fields)

    def task(self) -> Json:
        return self.driver.task(self.task_id)

    def track(self, query: str = "", last_event_id: str | None = None) -> Stream:
        return self.driver.track(self.task_id, query, last_event_id)

    def page(self, query: str = "") -> Json:
        return self.driver.page(self.task_id, query)

    def append(self, count: int) -> None:
        """Append `count` entries `{"n": 0}`, `{"n": 1}` … one call each."""
        for number in range(count):
            answer = self.progress({"n": number})
            assert answer.status_code == 200, answer.text
