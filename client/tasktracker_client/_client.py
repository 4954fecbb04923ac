"""The synchronous client: every call is a flow, driven here."""

import time
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from types import TracebackType
from typing import Self

import httpx

from tasktracker_client._calling import api, bulk, flows
from tasktracker_client._calling.api import Entries, Json, JsonObjectLike, Next
from tasktracker_client._calling.bulk import Completion, Failure, NewTask, Outcome, Report
from tasktracker_client._calling.calls import Call, Flow, T
from tasktracker_client._calling.driving import drive, new_http
from tasktracker_client._calling.retrying import perform
from tasktracker_client._calling.tracing import with_trace
from tasktracker_client._config import Config, Retries, config_of
from tasktracker_client._events import ManyEvent, TrackEvent
from tasktracker_client._following.streams import Stream
from tasktracker_client._following.tracking import TrackOptions, follow
from tasktracker_client._following.watching import events_path, watch
from tasktracker_client._names import new_worker_id
from tasktracker_client._refs import TaskRef, hold_of, task_id_of
from tasktracker_client._working.worker import (
    LATEST_SECONDS,
    LEASE_SECONDS,
    WAIT_SECONDS,
    HeartbeatsBy,
    Worker,
)
from tasktracker_schema.answers import (
    CancelledTask,
    EndedTask,
    FailedTask,
    Health,
    Heartbeat,
    ProcessedTimeouts,
    ProgressPage,
    Readiness,
    RegisteredTask,
    ReleasedTask,
    ReportedProgress,
    RetriedTask,
    StartedTask,
    Stats,
    Task,
    TaskPage,
    TaskRow,
)
from tasktracker_schema.status import TaskStatus


class TaskTracker:
    """A client of one service; threads may share it, forks may not.

    Args:
        base_url: Where the service is; else ``TASK_TRACKER_URL``, else ``http://127.0.0.1:3002``.
        api_key: Sent as a bearer token; else ``TASK_TRACKER_API_KEY``, else none.
        timeout: Seconds for a call, beside the time it asked to wait.
        retries: How a call is repeated, or only how often it is sent at most. Calls are repeated where that
            is safe: each method says what it does to make it so.
        http: An ``httpx.Client`` of your own, for proxies, certificates or transports; you close it.

    Every call takes a task's id or any object that carries one. What the service refuses is raised as an
    ``ApiError``, no answer as ``ConnectionFailed`` or ``OutcomeUnknown``.
    """

    def __init__(
        self,
        base_url: str | None = None,
        *,
        api_key: str | None = None,
        timeout: float = 30.0,
        retries: Retries | int | None = None,
        http: httpx.Client | None = None,
    ) -> None:
        self._config = config_of(base_url, api_key, timeout, retries)
        self._http = http or new_http()
        self._is_own = http is None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._config.address!r})"

    def close(self) -> None:
        """Close the connections, unless they are those of your own ``httpx.Client``."""
        if self._is_own:
            self._http.close()

    @property
    def config(self) -> Config:
        """What this client was told: base URL, timeout, retries."""
        return self._config

    def register(
        self,
        task_type: str,
        params: JsonObjectLike = None,
        *,
        task_id: str | None = None,
        metadata: JsonObjectLike = None,
        timeout_seconds: int | None = None,
        priority: int | None = None,
        run_at: datetime | None = None,
        max_retries: int | None = None,
        max_attempts: int | None = None,
        exist_ok: bool = False,
    ) -> RegisteredTask:
        """Register a task; ``params`` are for its worker, ``metadata`` for everybody else.

        ``timeout_seconds`` (a day) bounds its life from now or ``run_at``; higher ``priority`` is claimed
        first; ``max_retries`` failures are retried with backoff; ``max_attempts`` bounds lost leases.

        The id is made here unless given, so a lost answer is cleared up by repeating the call. A taken id
        raises ``TaskExists``; with ``exist_ok`` only where it was registered by another request.
        """
        call = api.register(
            task_type,
            params,
            task_id=task_id,
            metadata=metadata if exist_ok else with_trace(metadata),
            timeout_seconds=timeout_seconds,
            priority=priority,
            run_at=run_at,
            max_retries=max_retries,
            max_attempts=max_attempts,
        )
        return self._drive(flows.register(call, self._config.retries, exist_ok))

    def get(self, task: TaskRef, *, progress: bool = True) -> Task:
        """The task, with its newest 10,000 progress entries unless ``progress`` is false."""
        return self._call(api.get(task_id_of(task), progress=None if progress else False))

    def tasks(
        self,
        *,
        status: TaskStatus | Sequence[TaskStatus] | None = None,
        task_type: str | None = None,
        worker_id: str | None = None,
        original_task_id: str | None = None,
        created_after: datetime | None = None,
        created_before: datetime | None = None,
        full: bool = False,
        page_size: int = 100,
    ) -> Iterator[TaskRow]:
        """All tasks that fit, newest first, read page by page as you iterate.

        ``original_task_id`` finds a task with all its retries. Metadata, params, results and errors come
        with ``full`` only.
        """
        cursor: str | None = None
        while True:
            page = self.task_page(
                status=status,
                task_type=task_type,
                worker_id=worker_id,
                original_task_id=original_task_id,
                created_after=created_after,
                created_before=created_before,
                full=full,
                limit=page_size,
                cursor=cursor,
            )
            yield from page.tasks
            cursor = page.next_cursor
            if cursor is None:
                return

    def task_page(
        self,
        *,
        status: TaskStatus | Sequence[TaskStatus] | None = None,
        task_type: str | None = None,
        worker_id: str | None = None,
        original_task_id: str | None = None,
        created_after: datetime | None = None,
        created_before: datetime | None = None,
        full: bool = False,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> TaskPage:
        """One page of ``tasks``; ``next_cursor`` of the answer is the next one's ``cursor``."""
        call = api.list_page(
            status=status,
            task_type=task_type,
            worker_id=worker_id,
            original_task_id=original_task_id,
            created_after=created_after,
            created_before=created_before,
            full=full,
            limit=limit,
            cursor=cursor,
        )
        return self._call(call)

    def stats(self) -> Stats:
        """How many tasks are pending and in progress, and what the last hour brought, in all and by type."""
        return self._call(api.stats())

    def track(
        self,
        task: TaskRef,
        *,
        after_seq_id: int = 0,
        ignore_history: bool = False,
        lifecycle: bool = False,
        timeout: float | None = None,
    ) -> Stream[TrackEvent]:
        """Follow a task: its history after ``after_seq_id``, each new entry as it comes, then how it ended.

        Every ``Progress`` is yielded once and in order, whatever connections are cut or instances restarted;
        a ``Gap`` says where the service itself lost some. The last event is the final ``StatusChange``.
        ``ignore_history`` begins with what comes next; ``lifecycle`` adds changes of the unfinished task.

        Raises ``WaitTimeout`` about ``timeout`` seconds after the first step, ``TrackInterrupted`` when
        the service was away for five minutes.
        """
        options = TrackOptions(
            after_seq_id=after_seq_id, ignore_history=ignore_history, lifecycle=lifecycle, timeout=timeout
        )
        steps = follow(task_id_of(task), options, self._config.retries, time.monotonic)
        return Stream(steps, self._config, self._http)

    def events(
        self,
        *,
        tasks: Iterable[TaskRef] = (),
        task_types: Iterable[str] = (),
        progress: bool = False,
        timeout: float | None = None,
    ) -> Stream[ManyEvent]:
        """Follow many tasks live: those named, and all of these types; without any, all there are.

        Nothing of the past is told, so it begins with ``Ready``: what you read with ``tasks`` after it is
        complete together with what the stream tells. After a cut another ``Ready`` says to read again.
        ``progress`` adds the entries of the tasks and types named.
        """
        path = events_path(tasks, task_types, progress)
        return Stream(watch(path, timeout, self._config.retries, time.monotonic), self._config, self._http)

    def wait(self, task: TaskRef, timeout: float | None = None) -> Task:
        """Wait until the task has completed, and return it; automatic retries are waited for as well.

        Raises ``TaskFailed`` (``TaskCancelled``, ``TaskTimedOut``) when it ended otherwise and no retry
        follows, and ``WaitTimeout`` after ``timeout`` seconds.
        """
        return self._drive(flows.wait(task_id_of(task), timeout, self._config.retries, time.monotonic))

    def progress_page(
        self,
        task: TaskRef,
        *,
        after_seq_id: int = 0,
        limit: int | None = None,
        wait_seconds: int | None = None,
    ) -> ProgressPage:
        """A page of the task's entries; ``wait_seconds`` (up to 60) waits for the first of them."""
        task_id = task_id_of(task)
        call = api.progress_page(task_id, after_seq_id=after_seq_id, limit=limit, wait_seconds=wait_seconds)
        return self._call(call)

    def claim(
        self,
        *task_types: str,
        worker_id: str,
        wait_seconds: int | None = None,
        lease_seconds: int | None = None,
        claim_id: str | None = None,
    ) -> Task | None:
        """Take the next task of these types; ``None`` when there is none after ``wait_seconds`` (up to 60).

        A task with a lease goes back when it is over: send heartbeats, or leave all that to ``worker``.
        The claim is named, so repeating it after a lost answer finds the same task again.
        """
        call = api.claim(
            task_types,
            worker_id,
            wait_seconds=wait_seconds,
            lease_seconds=lease_seconds,
            claim_id=claim_id,
        )
        return self._call(call)

    def start(
        self, task: TaskRef, *, worker_id: str | None = None, lease_seconds: int | None = None
    ) -> StartedTask:
        """Take this very task, under a name of this call's own unless ``worker_id`` gives one."""
        task_id, worker_id = task_id_of(task), worker_id or new_worker_id()
        return self._call(api.start(task_id, worker_id=worker_id, lease_seconds=lease_seconds))

    def progress(
        self,
        task: TaskRef,
        entries: Entries,
        *,
        worker_id: str | None = None,
        attempt: int | None = None,
    ) -> ReportedProgress:
        """Append an entry, or a list of them in order.

        Entries with a ``seqId`` of their own (the next numbers) are stored once however often they are
        sent. Without, a lost answer raises ``OutcomeUnknown``.
        """
        return self._call(api.progress(hold_of(task, worker_id, attempt), entries))

    def heartbeat(
        self,
        task: TaskRef,
        *,
        lease_seconds: int | None = None,
        worker_id: str | None = None,
        attempt: int | None = None,
    ) -> Heartbeat:
        """Extend the task's lease, and learn whether the task was cancelled."""
        return self._call(api.heartbeat(hold_of(task, worker_id, attempt), lease_seconds=lease_seconds))

    def complete(
        self,
        task: TaskRef,
        result: Json = None,
        *,
        progress: Entries = None,
        next: Next | None = None,
        worker_id: str | None = None,
        attempt: int | None = None,
    ) -> EndedTask:
        """End the task with its result; ``progress`` are its last entries, ``next`` claims another with it.

        Worker and attempt are those of ``task`` unless given; with them the call may be repeated.
        """
        hold = hold_of(task, worker_id, attempt)
        return self._call(api.complete(hold, result, progress=progress, next=next))

    def fail(
        self,
        task: TaskRef,
        error: Json = None,
        *,
        retry: bool = True,
        progress: Entries = None,
        next: Next | None = None,
        worker_id: str | None = None,
        attempt: int | None = None,
    ) -> FailedTask:
        """End the task with an error; it is retried as often as it may be, unless ``retry`` is false."""
        hold = hold_of(task, worker_id, attempt)
        return self._call(api.fail(hold, error, retry=retry, progress=progress, next=next))

    def release(
        self, task: TaskRef, *, worker_id: str | None = None, attempt: int | None = None
    ) -> ReleasedTask:
        """Hand the task back to the queue, where it keeps its place and its history."""
        return self._call(api.release(hold_of(task, worker_id, attempt)))

    def cancel(self, task: TaskRef, *, reason: str | None = None) -> CancelledTask:
        """Say that the task is no longer wanted: pending it ends at once, in progress its worker is told."""
        return self._call(api.cancel(task_id_of(task), reason=reason))

    def retry(self, task: TaskRef) -> RetriedTask:
        """Register a failed or timed-out task anew; ``AlreadyRetried`` while its chain is unfinished."""
        return self._drive(flows.retry(task_id_of(task), self._config.retries))

    def time_out(self, task: TaskRef, *, worker_id: str | None = None) -> EndedTask:
        """End the task as timed out now."""
        return self._call(api.time_out(task_id_of(task), worker_id=worker_id))

    def process_timeouts(self) -> ProcessedTimeouts:
        """End what is overdue now; the service does so by itself within a second or two."""
        return self._call(api.process_timeouts())

    def register_many(
        self, tasks: Iterable[NewTask], *, exist_ok: bool = False
    ) -> list[Outcome[RegisteredTask]]:
        """Register any number of tasks, 1,000 in a call; an outcome for each, in order."""
        return self._drive(bulk.register(tasks, self._config.retries, exist_ok))

    def claim_many(
        self,
        *task_types: str,
        worker_id: str,
        limit: int,
        wait_seconds: int | None = None,
        lease_seconds: int | None = None,
    ) -> list[TaskRow]:
        """Take up to ``limit`` (1,000) tasks at once; waits for the first, never for more.

        A lost answer raises ``OutcomeUnknown``: what was claimed comes back with its lease.
        """
        call = bulk.claim(
            task_types, worker_id, limit, wait_seconds=wait_seconds, lease_seconds=lease_seconds
        )
        return self._call(call)

    def progress_many(self, reports: Iterable[Report]) -> list[Outcome[ReportedProgress]]:
        """Append to any number of tasks."""
        return self._drive(bulk.progress(reports, self._config.retries))

    def heartbeat_many(
        self, tasks: Iterable[TaskRef], *, lease_seconds: int | None = None
    ) -> list[Outcome[Heartbeat]]:
        """Extend the leases of any number of tasks."""
        return self._drive(bulk.heartbeat(tasks, lease_seconds, self._config.retries))

    def complete_many(self, ends: Iterable[Completion | TaskRef]) -> list[Outcome[EndedTask]]:
        """Complete any number of tasks."""
        return self._drive(bulk.complete(ends, self._config.retries))

    def fail_many(self, ends: Iterable[Failure | TaskRef]) -> list[Outcome[FailedTask]]:
        """Fail any number of tasks."""
        return self._drive(bulk.fail(ends, self._config.retries))

    def release_many(self, tasks: Iterable[TaskRef]) -> list[Outcome[ReleasedTask]]:
        """Hand back any number of tasks."""
        return self._drive(bulk.release(tasks, self._config.retries))

    def cancel_many(
        self, tasks: Iterable[TaskRef], *, reason: str | None = None
    ) -> list[Outcome[CancelledTask]]:
        """Cancel any number of tasks."""
        return self._drive(bulk.cancel(tasks, reason, self._config.retries))

    def health(self) -> Health:
        """That the service answers, and its version."""
        return self._call(api.health())

    def readiness(self) -> Readiness:
        """Which of the service's stores answer; ``status`` is ``ready`` where it can serve."""
        return self._call(api.readiness())

    def worker(
        self,
        *task_types: str,
        worker_id: str | None = None,
        lease_seconds: int = LEASE_SECONDS,
        wait_seconds: int = WAIT_SECONDS,
        latest_seconds: float = LATEST_SECONDS,
        heartbeats: HeartbeatsBy = "thread",
        until_empty: bool = False,
    ) -> Worker:
        """A worker: iterate over it, in its ``with`` block, to claim jobs of these types one by one.

        Args:
            task_types: What to work on; their order means nothing.
            worker_id: Who works; ``host:pid:random`` unless given. Two workers must not share one.
            lease_seconds: How soon (from 5) another worker gets the task when this process dies. Kept by
                heartbeats at a third of it, whatever the job does.
            wait_seconds: How long one claim waits for a task (up to 60) before it asks again.
            latest_seconds: How often ``job.latest`` goes out at most.
            heartbeats: What sends them; a ``process`` for jobs that keep the interpreter's lock for seconds.
            until_empty: Work off what is there, then end; where the service is away for a minute, raise
                ``ConnectionFailed``.

        Otherwise the service may be away for as long as it likes: the worker waits for it, and so do the ends
        and the progress of its job, for minutes.
        """
        return Worker(
            task_types,
            self._config,
            self._http,
            worker_id=worker_id,
            lease_seconds=lease_seconds,
            wait_seconds=wait_seconds,
            latest_seconds=latest_seconds,
            heartbeats=heartbeats,
            until_empty=until_empty,
        )

    def _call(self, call: Call[T]) -> T:
        return self._drive(perform(call, self._config.retries))

    def _drive(self, flow: Flow[T]) -> T:
        return drive(flow, self._config, self._http)
