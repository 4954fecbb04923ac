# pyright: strict
"""What checkers see in right use: every value has the type that is written here. Checked, never run."""

from collections.abc import AsyncIterator, Iterator
from datetime import datetime
from typing import Any, Literal, assert_never, assert_type

from tasktracker_client import (
    AsyncJob,
    AsyncStream,
    AsyncTaskTracker,
    Completion,
    Done,
    EndedTask,
    FailedTask,
    Gap,
    Job,
    Lifecycle,
    ManyEvent,
    NewTask,
    Outcome,
    Progress,
    ProgressPage,
    Ready,
    Refused,
    RegisteredTask,
    RetriedTask,
    StartedTask,
    StatusChange,
    Stream,
    Task,
    TaskFailed,
    TaskRow,
    TaskTracker,
    TrackEvent,
    TrackInterrupted,
)


def calls(client: TaskTracker) -> None:
    registered = client.register("a", {"n": 1}, run_at=datetime.now().astimezone())
    assert_type(registered, RegisteredTask)
    assert_type(client.get(registered), Task)
    assert_type(client.get("a-1").error, Any)
    assert_type(client.start(registered), StartedTask)
    assert_type(client.claim("a", "b", worker_id="w"), Task | None)
    assert_type(client.complete(registered, {"any": ["json"]}), EndedTask)
    assert_type(client.fail(registered, "why").new_task_id, str | None)
    assert_type(client.fail(registered), FailedTask)
    assert_type(client.retry(registered), RetriedTask)
    assert_type(client.get(client.retry(registered)), Task)
    assert_type(client.wait(registered, timeout=1).result, Any)
    assert_type(client.progress_page("a"), ProgressPage)
    assert_type(client.tasks(status=["pending", "failed"]), Iterator[TaskRow])
    assert_type(client.claim_many("a", worker_id="w", limit=5), list[TaskRow])


def bare_job(job: Job) -> None:
    assert_type(job.params, dict[str, Any])


def bare_async_job(job: AsyncJob) -> None:
    assert_type(job.params, dict[str, Any])


def streams(client: TaskTracker) -> None:
    assert_type(client.track("a"), Stream[TrackEvent])
    assert_type(client.events(), Stream[ManyEvent])
    with client.track("a") as events:
        assert_type(events, Stream[TrackEvent])
        for event in events:
            track_event(event)


def track_event(event: TrackEvent) -> None:
    match event:
        case Progress(seq_id=number, data=data):
            assert_type(number, int)
            assert_type(data, dict[str, Any])
        case StatusChange(status="completed", result=result):
            assert_type(result, Any)
        case StatusChange(status=status, new_task_id=new_task_id):
            assert_type(status, Literal["completed", "failed", "timeout"])
            assert_type(new_task_id, str | None)
        case Lifecycle(worker_id=worker_id, attempt=attempt):
            assert_type(worker_id, str | None)
            assert_type(attempt, int | None)
        case Gap(from_seq_id=first, to_seq_id=last):
            assert_type((first, last), tuple[int, int])
        case _:
            assert_never(event)


def many_event(event: ManyEvent) -> None:
    match event:
        case Ready(task_ids=task_ids):
            assert_type(task_ids, tuple[str, ...])
        case Progress() | StatusChange() | Lifecycle():
            assert_type(event.task_type, str | None)
        case _:
            assert_never(event)


def bulk(client: TaskTracker, rows: list[TaskRow]) -> None:
    outcomes = client.register_many([NewTask(task_type="a"), NewTask(task_type="b", priority=1)])
    assert_type(outcomes, list[Outcome[RegisteredTask]])
    for outcome in outcomes:
        match outcome:
            case Done(task_id=task_id, answer=answer):
                assert_type(task_id, str)
                assert_type(answer, RegisteredTask)
            case Refused(error=error):
                assert_type(error.details, dict[str, Any])
            case _:
                assert_never(outcome)
    for ended in client.complete_many([*rows, Completion("a-1", 1)]):
        if isinstance(ended, Done):
            assert_type(ended.answer, EndedTask)
        else:
            assert_type(ended.task_id, str | None)


def errors(client: TaskTracker) -> None:
    try:
        client.wait("a")
    except TaskFailed as failed:
        assert_type(failed.task, Task)
    try:
        next(client.track("a"))
    except TrackInterrupted as lost:
        assert_type(lost.after_seq_id, int)


def work(client: TaskTracker) -> None:
    with client.worker("a", lease_seconds=30) as worker:
        for job in worker:
            assert_type(job, Job[dict[str, Any]])
            with job:
                for step in job.steps(["x", "y"]):
                    assert_type(step, str)
                assert_type(job.attempt, int)
                job.progress(percent=1)


async def the_same_awaited(client: AsyncTaskTracker) -> None:
    assert_type(await client.register("a"), RegisteredTask)
    assert_type(await client.claim("a", worker_id="w"), Task | None)
    assert_type(client.tasks(), AsyncIterator[TaskRow])
    async with client, client.track("a") as events:
        assert_type(events, AsyncStream[TrackEvent])
        async for event in events:
            track_event(event)
    async for many in client.events():
        many_event(many)
    async with client.worker("a") as worker:
        async for job in worker:
            assert_type(job, AsyncJob[dict[str, Any]])
