"""Checks what was seen live against what the service stored and against the files themselves."""

from collections.abc import Iterator
from itertools import zip_longest

from tasktracker_schema.names import JsonObject
from tasktracker_server.demo.files import ChosenFile, sha256_of
from tasktracker_server.demo.follow import Track


def history_faults(task: JsonObject, track: Track) -> Iterator[str]:
    """Where the stored history is not 1..n, or not exactly what the stream brought."""
    stored: list[JsonObject] = task["progressHistory"] or []
    numbers = [entry["seqId"] for entry in stored]
    seen = [entry["seqId"] for entry in track.entries]
    if not stored:
        yield "no history is stored"
    if fault := _first_difference(list(range(1, len(numbers) + 1)), numbers):
        yield f"the stored history should have {fault}"
    if fault := _first_difference(numbers, seen):
        yield f"the stream should have brought {fault}"
    elif track.entries != stored:
        yield "an entry the stream brought differs from the stored one"
    if track.gaps:
        yield f"the stream told of lost entries: {track.gaps}"


def ending_faults(task: JsonObject, track: Track, status: str) -> Iterator[str]:
    """Where the task did not end as it should, or the stream told another end than is stored."""
    final = track.final or {}
    if task["status"] != status:
        yield f"it is {task['status']}, not {status}: {task['error']}"
    for name in ("status", "result", "error"):
        if final.get(name) != task[name]:
            yield f"the stream's final {name} is not the stored one"


def result_faults(task: JsonObject, file: ChosenFile) -> Iterator[str]:
    """Where a completed task's result does not fit its file."""
    result: JsonObject = task["result"] or {}
    if result.get("bytes") != file.size:
        yield f"{result.get('bytes')} bytes were worked on, the file has {file.size}"
    if result.get("sha256") != sha256_of(file.path):
        yield "its sha256 is not the file's"
    done = [entry.get("bytesDone", 0) for entry in task["progressHistory"] or [{}]]
    if done != sorted(done) or done[-1] != file.size:
        yield "bytesDone does not rise to the file's size"


def failure_faults(task: JsonObject) -> Iterator[str]:
    """Where the planted failure did not leave what it should."""
    if not (task["error"] or {}).get("planned"):
        yield f"it failed for another reason than the planted one: {task['error']}"
    if task["result"] is not None:
        yield "a failed task has a result"


def retry_faults(task: JsonObject, failed_id: str) -> Iterator[str]:
    """Where a retry is not tied to the task it repeats."""
    if task["originalTaskId"] != failed_id or task["retryCount"] != 1:
        yield f"it is not the first retry of {failed_id}"


def _first_difference(wanted: list[int], found: list[int]) -> str | None:
    for place, (right, wrong) in enumerate(zip_longest(wanted, found), start=1):
        if right != wrong:
            return f"{right or 'no more'} as its entry {place}, not {wrong or 'nothing'}"
    return None
