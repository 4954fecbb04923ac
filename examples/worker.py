"""A pool of worker processes that hash files; ``python worker.py``, and Ctrl-C ends it in order.

Give it something to do::

    tracker = TaskTracker()
    task = tracker.register("file.hash", {"path": "/etc/services"}, max_retries=3)
    print(tracker.wait(task, timeout=60).result)
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from tasktracker_client import FailJob, Job, WorkerPool

CHUNK = 1024 * 1024

pool = WorkerPool(concurrency=2, pool="processes", lease_seconds=30)


@dataclass
class HashFile:
    """The params: what does not fit fails the task for good, before this code sees it."""

    path: str
    algorithm: str = "sha256"


@dataclass
class Hashed:
    """The result."""

    hex: str
    size: int


@pool.task("file.hash")
def hash_file(job: Job[HashFile]) -> Hashed:
    path = Path(job.params.path)
    if not path.is_file():
        # Worth no retry; any other exception is retried, as often as the task was registered for.
        raise FailJob(f"there is no file {path}", retry=False)
    digest, size, done = hashlib.new(job.params.algorithm), path.stat().st_size, 0
    job.progress(stage="hashing", size=size)  # kept, each one
    with path.open("rb") as source:
        while chunk := source.read(CHUNK):
            digest.update(chunk)
            done += len(chunk)
            job.latest(done=done, percent=100 * done / size)  # at most one a second; the last is kept
    return Hashed(digest.hexdigest(), done)


if __name__ == "__main__":
    pool.run()
