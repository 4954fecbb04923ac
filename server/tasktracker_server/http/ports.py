"""What the HTTP layer asks of the services behind it.

Opaque fields of the request structs come checked: empty bytes where nothing was sent, else JSON that
PostgreSQL can store.
"""

from collections.abc import AsyncIterator, Sequence
from typing import Protocol

from tasktracker_schema import answers, requests
from tasktracker_server.core.opaque import Entry


class Tasks(Protocol):
    """The verbs of a task that is not being ended."""

    async def register(self, wanted: requests.RegisterTask, /) -> answers.RegisteredTask:
        """Register a task."""
        ...

    async def get(self, task_id: str, with_progress: bool, /) -> answers.Task:
        """The task as it is now."""
        ...

    async def start(self, task_id: str, wanted: requests.StartTask, /) -> answers.StartedTask:
        """Take this very task."""
        ...

    async def retry(self, task_id: str, /) -> answers.RetriedTask:
        """Register a failed or timed-out task anew."""
        ...


class Finishing(Protocol):
    """How tasks end."""

    async def complete(
        self, task_id: str, wanted: requests.CompleteTask, last: Sequence[Entry], /
    ) -> answers.EndedTask:
        """End a task with its result, after these last entries."""
        ...

    async def fail(
        self, task_id: str, wanted: requests.FailTask, last: Sequence[Entry], /
    ) -> answers.FailedTask:
        """End a task with an error, after these last entries."""
        ...

    async def time_out(self, task_id: str, wanted: requests.TimeOutTask, /) -> answers.EndedTask:
        """End a task as timed out."""
        ...

    async def cancel(self, task_id: str, wanted: requests.CancelTask, /) -> answers.CancelledTask:
        """End a task that waits; flag one that runs."""
        ...

    async def process_timeouts(self) -> int:
        """End what is overdue; how many this call ended."""
        ...


class Leases(Protocol):
    """Who holds a task."""

    async def heartbeat(self, task_id: str, wanted: requests.HeartbeatTask, /) -> answers.Heartbeat:
        """Extend the lease of a running task."""
        ...

    async def release(self, task_id: str, wanted: requests.ReleaseTask, /) -> answers.ReleasedTask:
        """Hand a task back to the queue."""
        ...


class ProgressLog(Protocol):
    """Appends to the history of tasks."""

    async def report(
        self, task_id: str, entries: Sequence[Entry], worker_id: str | None, attempt: int | None, /
    ) -> answers.ReportedProgress:
        """Append these entries, all or none."""
        ...


class Claims(Protocol):
    """Hands tasks to workers."""

    async def claim(self, wanted: requests.ClaimTask, /) -> answers.Task | None:
        """The next fitting task; cancelling this leaves nothing claimed."""
        ...

    async def claim_many(self, wanted: requests.BulkClaim, /) -> answers.ClaimedTasks:
        """The next fitting tasks; cancelling this leaves nothing claimed."""
        ...

    async def give_back(self, tasks: Sequence[answers.Task | answers.TaskRow], /) -> None:
        """Undo a claim whose answer never reached its caller."""
        ...


class Frames(Protocol):
    """The bytes of one event stream, a piece at a time."""

    def __aiter__(self) -> AsyncIterator[bytes]:
        """Itself."""
        ...

    async def __anext__(self) -> bytes:
        """The next piece; waits for it."""
        ...

    async def aclose(self) -> None:
        """Free what the stream holds, whether or not it was ever read."""
        ...


class Tracking(Protocol):
    """Streams of tasks."""

    async def open(
        self, task_id: str, query: requests.TrackQuery, last_event_id: str | None, /
    ) -> Frames | None:
        """The frames of one stream; None when its reader has seen the end already."""
        ...


class Finding(Protocol):
    """Lists of tasks."""

    async def page(self, query: requests.ListTasksQuery, /) -> answers.TaskPage:
        """The next tasks that fit."""
        ...


class Statistics(Protocol):
    """Figures of all tasks."""

    async def now(self) -> answers.Stats:
        """Figures of this moment, or nearly."""
        ...


class Watching(Protocol):
    """Streams of many tasks."""

    async def open(self, query: requests.EventsQuery, /) -> Frames:
        """The frames of one stream."""
        ...


class Paging(Protocol):
    """Pages of histories."""

    async def page(self, task_id: str, query: requests.ProgressQuery, /) -> answers.ProgressPage:
        """A page, as soon as there is something in it."""
        ...


class Health(Protocol):
    """What this process says of itself."""

    @property
    def version(self) -> str:
        """The version of the running service."""
        ...

    async def readiness(self) -> answers.Readiness:
        """Whether the stores answer."""
        ...


class Verbs(Protocol):
    """What can be done with single tasks."""

    @property
    def tasks(self) -> Tasks:
        """Registering, starting, reading, retrying."""
        ...

    @property
    def progress(self) -> ProgressLog:
        """Histories."""
        ...

    @property
    def finishing(self) -> Finishing:
        """Ends."""
        ...

    @property
    def leases(self) -> Leases:
        """Heartbeats and hand-backs."""
        ...


class Service(Protocol):
    """Everything the API can do."""

    @property
    def single(self) -> Verbs:
        """For calls about one task."""
        ...

    @property
    def bulk(self) -> Verbs:
        """For the items of bulk calls."""
        ...

    @property
    def claims(self) -> Claims:
        """Claiming."""
        ...

    @property
    def tracking(self) -> Tracking:
        """Streams."""
        ...

    @property
    def finding(self) -> Finding:
        """Lists."""
        ...

    @property
    def statistics(self) -> Statistics:
        """Figures."""
        ...

    @property
    def watching(self) -> Watching:
        """Streams of many tasks."""
        ...

    @property
    def paging(self) -> Paging:
        """Pages of histories."""
        ...

    @property
    def health(self) -> Health:
        """Health."""
        ...
