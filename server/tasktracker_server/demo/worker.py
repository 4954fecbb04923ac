"""One worker process: claims tasks of one type over HTTP, works on their files, tells how it goes.

``python -m tasktracker_server.demo.worker URL TASK_TYPE WORKER_ID``
"""

import os
import sys
import time
import uuid
from pathlib import Path
from typing import Any, Final

import httpx

from tasktracker_schema.names import JsonObject
from tasktracker_schema.routes import BASE_PATH
from tasktracker_server.demo.work import FileWork, PlannedFailureError

WAIT_SECONDS: Final = 2
"""How long one claim waits; between two of them a worker sees whether its demo is still there."""
REPORT_SECONDS: Final = 0.1
"""Entries made within this time travel in one call."""
REPEAT_AFTER: Final = (0.1, 0.3, 1.0, 3.0)


class Calls:
    """The service's calls; each is safe to repeat, so each is while the service is out of reach."""

    def __init__(self, url: str, worker_id: str) -> None:
        self.worker_id = worker_id
        self._http = httpx.Client(base_url=url + BASE_PATH, trust_env=False, timeout=WAIT_SECONDS + 10)

    def post(self, path: str, body: JsonObject) -> Any:
        """Call one path below the base; what it answers."""
        for pause in REPEAT_AFTER:
            try:
                response = self._http.post(path, json={"workerId": self.worker_id, **body})
            except httpx.TransportError:
                time.sleep(pause)
                continue
            if response.status_code != httpx.codes.SERVICE_UNAVAILABLE:
                break
            time.sleep(pause)
        else:
            raise ConnectionError(f"the service did not answer {path}")
        if response.is_error:
            raise RuntimeError(f"{path} was answered {response.status_code}: {response.text}")
        return response.json()

    def claim(self, task_type: str) -> JsonObject | None:
        """The next task of this type, or nothing."""
        wish = {"taskTypes": [task_type], "waitSeconds": WAIT_SECONDS, "claimId": uuid.uuid4().hex}
        task: JsonObject | None = self.post("/claim", wish)
        return task


class HeldTask:
    """A task this worker holds: its id and attempt go with every word about it."""

    def __init__(self, calls: Calls, task: JsonObject) -> None:
        self._calls = calls
        self._id: str = task["id"]
        self._attempt: int = task["attempt"]
        self._next_seq_id = (task["lastSeqId"] or 0) + 1
        self._waiting: list[JsonObject] = []
        self._sent_at = 0.0

    def report(self, entry: JsonObject) -> None:
        """Take down one entry; entries in quick succession go as one array."""
        self._waiting.append({"seqId": self._next_seq_id, **entry})
        self._next_seq_id += 1
        if time.monotonic() - self._sent_at >= REPORT_SECONDS:
            self._send()

    def complete(self, result: JsonObject) -> None:
        """End it with its result."""
        self._send()
        self._post("complete", {"result": result})

    def fail(self, error: JsonObject) -> None:
        """End it with an error; trying again is for somebody else to decide."""
        self._send()
        self._post("fail", {"error": error, "retry": False})

    def _send(self) -> None:
        if self._waiting:
            alone = len(self._waiting) == 1
            self._post("progress", {"progress": self._waiting[0] if alone else self._waiting})
        self._waiting = []
        self._sent_at = time.monotonic()

    def _post(self, verb: str, body: JsonObject) -> None:
        self._calls.post(f"/{self._id}/{verb}", {"attempt": self._attempt, **body})


def work_on(task: JsonObject, held: HeldTask) -> None:
    """One task from its claim to its end."""
    params = task["params"]
    first_try = task["retryCount"] == 0 and task["attempt"] == 1
    try:
        work = FileWork(Path(params["path"]), params.get("failFirstTryAtPercent") if first_try else None)
        for entry in work.steps():
            held.report(entry)
    except PlannedFailureError as failure:
        held.fail({"message": str(failure), "planned": True, "bytesDone": work.bytes_done})
    except OSError as error:
        held.fail({"message": f"{params['path']} can't be read: {error.strerror}", "planned": False})
    else:
        held.complete(work.result())


def main() -> None:
    """Work until stopped, or until the demo that started this process is gone."""
    url, task_type, worker_id = sys.argv[1:]
    calls, parent = Calls(url, worker_id), os.getppid()
    while os.getppid() == parent:
        task = calls.claim(task_type)
        if task is not None:
            work_on(task, HeldTask(calls, task))


if __name__ == "__main__":
    main()
