"""Every call, as a program uses it."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

import tasktracker_client
from services import wait_for
from tasktracker_client import Next, ReportedProgress, Task, TaskTracker

from .conftest import Connect


@dataclass
class Source:
    src: str
    passes: int = 2


def test_a_task_from_its_registration_to_its_result(client: TaskTracker, task_type: str) -> None:
    registered = client.register(task_type, {"src": "a.mov"}, metadata={"for": "ann"}, timeout_seconds=60)
    claimed = client.claim(task_type, worker_id="w")
    assert claimed is not None
    reported = client.progress(claimed, {"percent": 50})
    ended = client.complete(claimed, {"url": "a.mp4"}, progress=[{"percent": 99}, {"percent": 100}])
    task = client.get(registered)

    assert registered.status == "pending"
    assert registered.timeout_at - registered.created_at == timedelta(seconds=60)
    assert (claimed.id, claimed.params, claimed.metadata) == (
        registered.task_id,
        {"src": "a.mov"},
        {"for": "ann"},
    )
    assert (reported.seq_id, reported.first_seq_id, reported.cancel_requested) == (1, 1, False)
    assert (ended.task_id, ended.status) == (registered.task_id, "completed")
    assert (task.status, task.result, task.attempt, task.worker_id) == ("completed", {"url": "a.mp4"}, 1, "w")
    assert task.progress_history == [
        {"seqId": 1, "percent": 50},
        {"seqId": 2, "percent": 99},
        {"seqId": 3, "percent": 100},
    ]


def test_a_task_without_its_history(client: TaskTracker, held: Task) -> None:
    client.progress(held, {"n": 1})

    assert client.get(held.id, progress=False).progress_history is not client.get(held.id).progress_history
    assert client.get(held.id, progress=False).last_seq_id == 1


def test_dataclasses_and_datetimes_are_values(client: TaskTracker, task_type: str) -> None:
    moment = datetime(2030, 1, 2, 3, 4, 5, tzinfo=UTC)
    client.register(task_type, Source("a.mov"), metadata={"at": moment})
    task = client.claim(task_type, worker_id="w")
    assert task is not None

    assert task.params == {"src": "a.mov", "passes": 2}
    assert task.metadata == {"at": "2030-01-02T03:04:05Z"}


def test_what_json_cannot_say_is_told_before_anything_is_sent(client: TaskTracker, task_type: str) -> None:
    with pytest.raises(TypeError, match="object"):
        client.register(task_type, {"what": object()})

    assert list(client.tasks(task_type=task_type)) == []


def test_everything_a_registration_can_say(client: TaskTracker, task_type: str) -> None:
    later = datetime.now(UTC) + timedelta(hours=1)
    client.register(
        task_type,
        task_id=f"{task_type}.own",
        priority=7,
        run_at=later,
        max_retries=3,
        max_attempts=5,
        timeout_seconds=90,
    )
    task = client.get(f"{task_type}.own")

    assert (task.priority, task.max_retries, task.max_attempts, task.timeout_seconds) == (7, 3, 5, 90)
    assert task.run_at is not None
    assert abs(task.run_at - later) < timedelta(milliseconds=2)
    assert client.claim(task_type, worker_id="w") is None


def test_a_moment_without_a_zone_is_refused_here(client: TaskTracker, task_type: str) -> None:
    with pytest.raises(ValueError, match="time zone"):
        client.register(task_type, run_at=datetime(2030, 1, 1))
    with pytest.raises(ValueError, match="time zone"):
        list(client.tasks(created_after=datetime(2030, 1, 1)))


def test_a_claim_waits_for_a_task(client: TaskTracker, connect: Connect, url: str, task_type: str) -> None:
    assert client.claim(task_type, worker_id="w", wait_seconds=1) is None


def test_the_same_claim_gets_the_same_task(client: TaskTracker, task_type: str) -> None:
    for _ in range(2):
        client.register(task_type)
    first = client.claim(task_type, "other", worker_id="w", claim_id="c-1", lease_seconds=30)
    again = client.claim(task_type, "other", worker_id="w", claim_id="c-1", lease_seconds=30)
    assert first is not None
    assert again is not None

    assert (first.id, first.attempt) == (again.id, again.attempt)


def test_a_task_that_is_started_by_its_id_is_ended_with_what_start_answered(
    client: TaskTracker, task_type: str
) -> None:
    registered = client.register(task_type)
    started = client.start(registered, lease_seconds=30)
    beat = client.heartbeat(started, lease_seconds=60)

    assert (started.status, started.attempt) == ("in_progress", 1)
    assert started.lease_expires_at is not None
    assert beat.lease_expires_at is not None
    assert beat.lease_expires_at > started.lease_expires_at
    assert client.get(registered).worker_id not in (None, "")
    assert client.complete(started).status == "completed"


def test_a_task_is_started_under_a_name_given(client: TaskTracker, task_type: str) -> None:
    registered = client.register(task_type)
    client.start(registered, worker_id="me")

    assert client.get(registered).worker_id == "me"


def test_a_release_hands_the_task_to_the_next(client: TaskTracker, held: Task) -> None:
    released = client.release(held)
    task = client.claim(held.task_type, worker_id="other")
    assert task is not None

    assert (released.task_id, released.status) == (held.id, "pending")
    assert (task.id, task.attempt) == (held.id, 2)


def test_a_failure_is_retried_by_hand(client: TaskTracker, held: Task) -> None:
    failed = client.fail(held, {"message": "no such codec"})
    retried = client.retry(failed)
    task = client.get(retried)

    assert (failed.status, failed.new_task_id) == ("failed", None)
    assert client.get(held.id).error == {"message": "no such codec"}
    assert (retried.original_task_id, retried.retry_count, retried.status) == (held.id, 1, "pending")
    assert (task.id, task.original_task_id) == (retried.new_task_id, held.id)


@pytest.mark.parametrize(("retry", "follows"), [(True, True), (False, False)])
def test_a_failure_is_retried_by_the_service_unless_it_is_for_good(
    client: TaskTracker, task_type: str, retry: bool, follows: bool
) -> None:
    client.register(task_type, max_retries=1)
    task = client.claim(task_type, worker_id="w")
    assert task is not None
    failed = client.fail(task, "broken", retry=retry, progress={"last": True})

    assert (failed.new_task_id is not None) is follows
    assert client.get(task).progress_history == [{"seqId": 1, "last": True}]


def test_the_end_of_a_task_claims_the_next(client: TaskTracker, task_type: str) -> None:
    ids = [client.register(task_type, max_retries=0).task_id for _ in range(3)]
    first = client.claim(task_type, worker_id="w")
    assert first is not None
    second = client.complete(first, next=Next([task_type], lease_seconds=30)).next
    assert isinstance(second, Task)
    third = client.fail(second, next=Next([task_type])).next
    assert isinstance(third, Task)

    assert [first.id, second.id, third.id] == ids
    assert client.complete(third, next=Next([task_type])).next is None


def test_cancelling(client: TaskTracker, held: Task, task_type: str) -> None:
    pending = client.register(task_type)
    at_once = client.cancel(pending, reason="not wanted")
    flagged = client.cancel(held)

    assert (at_once.status, flagged.status, flagged.cancel_requested) == ("failed", "in_progress", True)
    assert client.get(pending).error == {"code": "cancelled", "message": "not wanted"}
    assert client.heartbeat(held).cancel_requested
    assert client.progress(held, {"n": 1}).cancel_requested


def test_timing_out(client: TaskTracker, held: Task) -> None:
    assert client.time_out(held, worker_id="operator").status == "timeout"
    assert client.get(held).status == "timeout"
    assert client.process_timeouts().processed_count >= 0


def test_entries_with_numbers_of_their_own_are_stored_once(client: TaskTracker, held: Task) -> None:
    entries = [{"seqId": 1, "a": 1}, {"seqId": 2, "b": 2}]
    reported: list[ReportedProgress] = [client.progress(held, entries) for _ in range(2)]

    assert reported[0] == reported[1]
    assert client.get(held).last_seq_id == 2


def test_progress_is_read_by_pages(client: TaskTracker, held: Task) -> None:
    client.progress(held, [{"n": n} for n in range(5)])
    page = client.progress_page(held, after_seq_id=1, limit=2)
    nothing = client.progress_page(held, after_seq_id=5, wait_seconds=1)

    assert [entry.data for entry in page.entries] == [{"seqId": 2, "n": 1}, {"seqId": 3, "n": 2}]
    assert (page.last_seq_id, page.final, nothing.entries) == (5, False, [])


def test_tasks_are_listed_page_by_page_newest_first(client: TaskTracker, task_type: str) -> None:
    ids = [client.register(task_type, {"n": n}).task_id for n in range(7)]
    page = client.task_page(task_type=task_type, limit=3)
    rest = client.task_page(task_type=task_type, limit=500, cursor=page.next_cursor)

    assert [row.id for row in client.tasks(task_type=task_type, page_size=2)] == ids[::-1]
    assert [row.id for row in page.tasks + rest.tasks] == ids[::-1]
    assert rest.next_cursor is None


def test_tasks_are_found_by_what_they_are(client: TaskTracker, task_type: str) -> None:
    before = datetime.now(UTC) - timedelta(minutes=5)
    pending, taken = (client.register(task_type, {"n": n}, max_retries=0).task_id for n in range(2))
    client.start(taken, worker_id=f"w-{task_type}")
    client.fail(taken)
    retried = client.retry(taken)

    def found(**wanted: object) -> set[str]:
        return {row.id for row in client.tasks(task_type=task_type, **wanted)}  # type: ignore[arg-type]

    assert found(status="pending") == {pending, retried.new_task_id}
    assert found(status=["failed", "completed"]) == {taken}
    assert found(worker_id=f"w-{task_type}") == {taken}
    assert found(original_task_id=taken) == {taken, retried.new_task_id}
    assert found(created_after=before) == {pending, taken, retried.new_task_id}
    assert found(created_before=before) == set()
    assert [row.params for row in client.tasks(original_task_id=taken, full=True)] == [{"n": 1}, {"n": 1}]


def test_figures(client: TaskTracker, task_type: str) -> None:
    client.register(task_type)

    def counted() -> bool:  # every ten seconds
        return any(
            (each.task_type, each.counts.pending, each.last_hour.registered) == (task_type, 1, 1)
            for each in client.stats().types
        )

    assert wait_for(counted, 30)


def test_health(client: TaskTracker) -> None:
    assert client.health().status == "ok"
    assert (client.readiness().status, client.readiness().postgres) == ("ready", "ok")


def test_a_worker_and_an_attempt_given_stand_above_those_of_the_task(client: TaskTracker, held: Task) -> None:
    with pytest.raises(tasktracker_client.NotTaskWorker):
        client.progress(held, {"n": 1}, worker_id="another")
    with pytest.raises(tasktracker_client.StaleAttempt):
        client.complete(held, attempt=7)
    assert client.complete(held.id, worker_id="w", attempt=1).status == "completed"


def test_the_client_tells_where_it_calls_and_not_its_key(connect: Connect, url: str) -> None:
    client = connect(url + "/", api_key="secret")

    assert client.config.base_url == url
    assert url in repr(client)
    assert "secret" not in repr(client) + repr(client.config)


def test_the_address_comes_from_the_environment(
    connect: Connect, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TASK_TRACKER_URL", url)
    monkeypatch.setenv("TASK_TRACKER_API_KEY", "key")
    client = connect(None)

    assert client.health().status == "ok"
    assert client.config.api_key == "key"
