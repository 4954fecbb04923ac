"""Registers a task for each file, follows them all to their ends, retries the planted failure, checks."""

import asyncio
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from tasktracker_client import AsyncTaskTracker
from tasktracker_schema.names import JsonObject
from tasktracker_server.demo import verify
from tasktracker_server.demo.display import Display
from tasktracker_server.demo.files import ChosenFile
from tasktracker_server.demo.follow import LostTrackError, Track, follow
from tasktracker_server.demo.processes import Child

PLANTED: Final = 1
"""Which file's first try fails: the second largest, which is seen for a while."""
FAIL_AT_PERCENT: Final = 50
STALL_SECONDS: Final = 60
CHECK_SECONDS: Final = 0.5


@dataclass
class Job:
    """One file and what became of its task, or its two tasks where the first one failed."""

    file: ChosenFile
    planted: bool
    tracks: list[Track] = field(default_factory=list)
    tasks: list[JsonObject] = field(default_factory=list)
    """The tasks as stored at the end, in the order of ``tracks``."""
    faults: list[str] = field(default_factory=list)


@dataclass
class Run:
    """One demo against a running service."""

    url: str
    task_type: str
    files: Sequence[ChosenFile]
    display: Display
    children: Sequence[Child]
    seconds: float = 0
    jobs: list[Job] = field(default_factory=list)
    _heard_at: float = field(default_factory=time.monotonic)

    async def to_end(self) -> None:
        """All of it."""
        async with AsyncTaskTracker(self.url) as client:
            began = time.monotonic()
            watching = asyncio.create_task(self._watch())
            following = asyncio.gather(*(self._follow(client, job) for job in await self._register(client)))
            await _first_error(following, watching)
            self.seconds = time.monotonic() - began
            for job in self.jobs:
                await self._check(client, job)

    async def _register(self, client: AsyncTaskTracker) -> list[Job]:
        for number, file in enumerate(self.files):
            job = Job(file, planted=number == min(PLANTED, len(self.files) - 1))
            params = {"path": str(file.path)} | (
                {"failFirstTryAtPercent": FAIL_AT_PERCENT} if job.planted else {}
            )
            registered = await client.register(
                self.task_type,
                params,
                task_id=f"{self.task_type}:{number + 1:02}-{file.task_name()}",
                metadata={"file": file.label, "bytes": file.size},
                timeout_seconds=3600,
            )
            job.tracks.append(Track(registered.task_id))
            self.jobs.append(job)
        return self.jobs

    async def _follow(self, client: AsyncTaskTracker, job: Job) -> None:
        track = job.tracks[0]
        await self._follow_one(client, job, track)
        if job.planted and track.final is not None and track.final["status"] == "failed":
            retried = await client.retry(track)
            self.display.retrying(job.file, track, retried.new_task_id)
            track = Track(retried.new_task_id)
            job.tracks.append(track)
            await self._follow_one(client, job, track)
        self.display.ended(job.file, track)

    async def _follow_one(self, client: AsyncTaskTracker, job: Job, track: Track) -> None:
        def seen(entry: JsonObject) -> None:
            self._heard_at = time.monotonic()
            self.display.entry(job.file, entry)

        await follow(client, track, seen)

    async def _watch(self) -> None:
        """Raise when a process has ended, or nothing has been heard for too long."""
        while True:
            for child in self.children:
                child.check()
            if time.monotonic() - self._heard_at > STALL_SECONDS:
                raise LostTrackError(f"nothing has happened for {STALL_SECONDS} s")
            await asyncio.sleep(CHECK_SECONDS)

    async def _check(self, client: AsyncTaskTracker, job: Job) -> None:
        job.tasks = [msgspec.to_builtins(await client.get(track)) for track in job.tracks]
        job.faults = list(_faults(job))


def _faults(job: Job) -> Iterator[str]:
    for task, track in zip(job.tasks, job.tracks, strict=True):
        yield from verify.history_faults(task, track)
    if job.planted:
        yield from verify.ending_faults(job.tasks[0], job.tracks[0], "failed")
        yield from verify.failure_faults(job.tasks[0])
        yield from verify.retry_faults(job.tasks[-1], job.tracks[0].task_id)
    yield from verify.ending_faults(job.tasks[-1], job.tracks[-1], "completed")
    yield from verify.result_faults(job.tasks[-1], job.file)


async def _first_error(work: asyncio.Future[Any], watching: asyncio.Task[None]) -> None:
    """Wait for the work, or for the first error of it or of the watch; leave nothing running."""
    try:
        done, _ = await asyncio.wait({work, watching}, return_when=asyncio.FIRST_COMPLETED)
        for finished in done:
            finished.result()
    finally:
        work.cancel()
        watching.cancel()
        await asyncio.gather(work, watching, return_exceptions=True)
