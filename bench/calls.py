"""The measured calls: their requests, built before each window, and the tasks these need."""

import json
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from bench.load import Generator, Load
from tasktracker_schema.routes import BASE_PATH

WORKER: Final = "bench-worker"
SHARED_TASKS: Final = 256
"""Tasks that all progress goes to; as many others are read."""
ENTRIES: Final = 5
"""History of the tasks that are read, and of those completed after progress."""
BARE: Final = b"GET /bare HTTP/1.1\r\nHost: localhost\r\n\r\n"


@dataclass(frozen=True)
class Call:
    """One measured call."""

    name: str
    what: str
    telling: bytes
    """What the body of a right answer contains."""
    status: int = 200
    repeat: bool = False
    """Whether the same requests may be sent again and again."""
    target: float | None = None
    """The ratio to the bare handler to beat."""


REGISTER: Final = Call("register", "a task with params", b'"pending"', status=201, target=0.40)
START: Final = Call("start", "a pending task each", b'"in_progress"', target=0.45)
CLAIM: Final = Call("claim", "from a queue that never runs dry", b'"in_progress"', target=0.35)
PROGRESS: Final = Call(
    "progress", f"one entry; {SHARED_TASKS} tasks in turn", b'"seqId"', repeat=True, target=0.60
)
GET: Final = Call("get", f"in progress, {ENTRIES} entries", b'"progressHistory"', repeat=True, target=0.55)
COMPLETE: Final = Call("complete", "a task each, no entries", b'"completed"', target=0.37)
COMPLETE_WITH_HISTORY: Final = Call("complete+", f"a task each, {ENTRIES} entries", b'"completed"')
LIST: Final = Call("list", "50 tasks of a type that are in progress", b'"nextCursor":"', repeat=True)
CALLS: Final = (REGISTER, START, CLAIM, PROGRESS, GET, LIST, COMPLETE, COMPLETE_WITH_HISTORY)


class WrongAnswersError(Exception):
    """The service answered otherwise than it should: figures would mean nothing."""


class Supply:
    """Makes the tasks a window needs, over the API, and the window's requests."""

    def __init__(self, generator: Generator, port: int) -> None:
        self._generator = generator
        self._port = port
        self._run = uuid.uuid4().hex[:8]
        self._made = 0
        self._written = self._take_started(SHARED_TASKS)
        self._read = self._take_started_with_history(SHARED_TASKS)
        self._builders: Mapping[str, Callable[[int], list[bytes]]] = {
            REGISTER.name: lambda count: self._register(self._fresh(count)),
            START.name: lambda count: [_start(name) for name in self._take_pending(count)],
            CLAIM.name: self._claims,
            PROGRESS.name: lambda _: [_progress(name, _entry(1)) for name in self._written],
            GET.name: lambda _: [_request("GET", f"/{name}") for name in self._read],
            LIST.name: lambda _: [
                _request("GET", f"?taskType=plain-{self._run}&status=in_progress"),
            ],
            COMPLETE.name: lambda count: [_complete(name) for name in self._take_started(count)],
            COMPLETE_WITH_HISTORY.name: lambda count: [
                _complete(name) for name in self._take_started_with_history(count)
            ],
        }

    def requests(self, call: Call, count: int) -> list[bytes]:
        """So many requests of this call, each of which can succeed."""
        return self._builders[call.name](count)

    def _fresh(self, count: int) -> list[str]:
        first, self._made = self._made, self._made + count
        return [f"{self._run}-{number}" for number in range(first, first + count)]

    def _register(self, names: Sequence[str], task_type: str = "plain") -> list[bytes]:
        body = {
            "taskType": f"{task_type}-{self._run}",
            "metadata": {"owner": "bench"},
            "params": {"src": "a.mov", "width": 1920},
        }
        return [_request("POST", "", {"taskId": name, **body}) for name in names]

    def _claims(self, count: int) -> list[bytes]:
        self._send_all(self._register(self._fresh(count), "claimed"), REGISTER)
        body = {"taskTypes": [f"claimed-{self._run}"], "workerId": WORKER}
        return [_request("POST", "/claim", body)] * count

    def _take_pending(self, count: int) -> list[str]:
        names = self._fresh(count)
        self._send_all(self._register(names), REGISTER)
        return names

    def _take_started(self, count: int) -> list[str]:
        names = self._take_pending(count)
        self._send_all([_start(name) for name in names], START)
        return names

    def _take_started_with_history(self, count: int) -> list[str]:
        names = self._take_started(count)
        entries = [_entry(number) for number in range(ENTRIES)]
        self._send_all([_progress(name, entries) for name in names], PROGRESS)
        return names

    def _send_all(self, requests: list[bytes], call: Call) -> None:
        counted = self._generator.run(Load(self._port, requests, call.status, call.telling, seconds=None))
        if counted.wrong or counted.sent < len(requests):
            raise WrongAnswersError(f"preparing by {call.name}: {counted.wrong} wrong: {counted.samples}")


def _start(name: str) -> bytes:
    return _request("POST", f"/{name}/start", {"workerId": WORKER})


def _progress(name: str, progress: Any) -> bytes:
    body = {"progress": progress, "workerId": WORKER, "attempt": 1}
    return _request("POST", f"/{name}/progress", body)


def _complete(name: str) -> bytes:
    body = {"result": {"frames": 1440, "ok": True}, "workerId": WORKER, "attempt": 1}
    return _request("POST", f"/{name}/complete", body)


def _entry(number: int) -> dict[str, Any]:
    return {"percent": 10 * number, "bytesDone": 4096 * number, "message": f"chunk {number} of 10"}


def _request(method: str, path: str, body: Any = None) -> bytes:
    """Bytes ready to be sent, with as few headers as HTTP allows."""
    content = b"" if body is None else json.dumps(body, separators=(",", ":")).encode()
    length = b"" if body is None else b"Content-Length: %d\r\n" % len(content)
    return f"{method} {BASE_PATH}{path} HTTP/1.1\r\nHost: localhost\r\n".encode() + length + b"\r\n" + content
