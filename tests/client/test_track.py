"""Following one task, and many, on a network where nothing goes wrong."""

import time

import pytest

import tasktracker_client as sdk
from tasktracker_client import Lifecycle, Progress, Ready, StatusChange, Task, TaskTracker

from .conftest import Connect, Through
from .test_wait import Later


def test_history_then_what_comes_then_the_end(client: TaskTracker, held: Task, url: str) -> None:
    client.progress(held, [{"n": 1}, {"n": 2}])

    def finish() -> None:
        with TaskTracker(url) as other:
            other.progress(held, {"n": 3})
            other.complete(held, {"ok": True}, progress={"n": 4})

    with Later(finish):
        *entries, last = client.track(held)

    assert [(each.seq_id, each.data) for each in entries if isinstance(each, Progress)] == [
        (n, {"n": n}) for n in (1, 2, 3, 4)
    ]
    assert len(entries) == 4
    assert isinstance(last, StatusChange)
    assert (last.status, last.result, last.task_id) == ("completed", {"ok": True}, held.id)
    assert {each.task_id for each in entries} == {held.id}


def test_a_stream_that_has_ended_stays_ended(client: TaskTracker, held: Task) -> None:
    client.complete(held)
    events = client.track(held)
    assert len(list(events)) == 1
    assert list(events) == []
    with pytest.raises(StopIteration):
        next(events)


def test_a_stream_begins_where_it_is_told_to(client: TaskTracker, held: Task) -> None:
    client.progress(held, [{"n": n} for n in range(5)])
    client.complete(held)

    assert [each.seq_id for each in client.track(held, after_seq_id=3) if isinstance(each, Progress)] == [
        4,
        5,
    ]
    assert [type(each) for each in client.track(held, ignore_history=True)] == [StatusChange]
    assert [type(each) for each in client.track(held, after_seq_id=99)] == [StatusChange]


def test_history_that_is_not_wanted_is_not_told(client: TaskTracker, held: Task) -> None:
    client.progress(held, [{"n": 1}, {"n": 2}])
    with client.track(held, ignore_history=True, lifecycle=True) as events:
        assert isinstance(next(events), Lifecycle)
        client.progress(held, {"n": 3})
        told = next(events)
        client.complete(held)
        assert [type(each) for each in events] == [StatusChange]

    assert isinstance(told, Progress)
    assert (told.seq_id, told.data) == (3, {"n": 3})


def test_how_a_task_fails(client: TaskTracker, task_type: str) -> None:
    registered = client.register(task_type, max_retries=1)
    failed = client.fail(client.start(registered), {"why": "broken"})
    (end,) = client.track(registered)
    assert isinstance(end, StatusChange)

    assert (end.status, end.error, end.new_task_id) == ("failed", {"why": "broken"}, failed.new_task_id)


def test_changes_of_the_unfinished_task(client: TaskTracker, task_type: str) -> None:
    registered = client.register(task_type)
    with client.track(registered, lifecycle=True) as events:
        told = [next(events)]
        task = client.claim(task_type, worker_id="w")
        assert task is not None
        told.append(next(events))
        client.cancel(task)
        told.append(next(events))
        client.release(task)
        told += events

    changes = [(each.status, each.reason, each.worker_id) for each in told if isinstance(each, Lifecycle)]
    assert changes[:3] == [
        ("pending", "current", None),
        ("in_progress", "claimed", "w"),
        ("in_progress", "cancel_requested", "w"),
    ]
    assert isinstance(told[-1], StatusChange)
    assert told[-1].error["code"] == "cancelled"


def test_the_time_given_is_kept_while_entries_come_and_while_none_do(client: TaskTracker, held: Task) -> None:
    began = time.monotonic()
    events = client.track(held, timeout=1)
    client.progress(held, {"n": 1})
    assert isinstance(next(events), Progress)
    with pytest.raises(sdk.WaitTimeout, match=held.id):
        next(events)
    with pytest.raises(sdk.WaitTimeout):
        next(events)

    assert 1.0 <= time.monotonic() - began < 4.0


def test_nobody_is_followed_who_is_not_there(client: TaskTracker) -> None:
    events = client.track("nobody-1")
    for _ in range(2):
        with pytest.raises(sdk.TaskNotFound):
            next(events)


def test_what_other_parsers_take_for_line_ends_is_text(client: TaskTracker, held: Task) -> None:
    text = "a\u2028b\u2029c\x85d\x0be\x0cf\r\ng\x1eh"
    client.progress(held, {"text": text})
    client.complete(held, text)
    entry, end = client.track(held)
    assert isinstance(entry, Progress)
    assert isinstance(end, StatusChange)

    assert (entry.data, end.result) == ({"text": text}, text)


def test_large_entries_and_long_histories(client: TaskTracker, held: Task) -> None:
    client.progress(held, [{"text": "ä" * 30_000}] * 20)
    client.progress(held, [{"n": n} for n in range(1_000)])
    client.complete(held)
    told = list(client.track(held))

    assert [each.seq_id for each in told if isinstance(each, Progress)] == list(range(1, 1_021))


def test_a_stream_that_is_left_early_frees_its_connection(
    connect: Connect, through: Through, held: Task
) -> None:
    proxy = through()
    client = connect(proxy.url)
    client.progress(held, [{"n": 1}, {"n": 2}])
    proxy.wait_until_left(1)
    with client.track(held) as events:
        next(events)
    closed = client.track(held)
    next(closed)
    closed.close()
    assert list(closed) == []
    proxy.wait_until_left(1)


def test_a_stream_that_is_forgotten_frees_its_connection(
    connect: Connect, through: Through, held: Task
) -> None:
    proxy = through()
    client = connect(proxy.url)
    client.progress(held, [{"n": 1}, {"n": 2}])
    for _ in range(3):
        for _event in client.track(held):
            break
    proxy.wait_until_left(1)


def test_events_of_many_tasks(client: TaskTracker, task_type: str) -> None:
    other = client.register(f"{task_type}.other")
    told: list[Progress | StatusChange | Lifecycle] = []
    with client.events(tasks=[other], task_types=[task_type], progress=True) as events:
        ready = next(events)
        registered = client.register(task_type)
        task = client.claim(task_type, worker_id="w")
        assert task is not None
        client.progress(task, {"n": 1})
        client.complete(task, {"ok": True})
        client.cancel(other)
        while {each.task_id for each in told if isinstance(each, StatusChange)} < {task.id, other.task_id}:
            event = next(events)
            assert not isinstance(event, Ready)
            told.append(event)

    assert ready == Ready((other.task_id,), (task_type,), True)
    own = [each for each in told if each.task_id == registered.task_id]
    assert [type(each) for each in own] == [Lifecycle, Lifecycle, Progress, StatusChange]
    assert {each.task_type for each in own} == {task_type}


def test_events_begin_anew_after_a_cut_and_say_so(connect: Connect, through: Through, task_type: str) -> None:
    proxy = through()
    client = connect(proxy.url)
    with client.events(task_types=[task_type]) as events:
        assert isinstance(next(events), Ready)
        client.register(task_type)
        assert isinstance(next(events), Lifecycle)
        proxy.cut_all()
        assert isinstance(next(events), Ready)
        client.register(task_type)
        assert isinstance(next(events), Lifecycle)


def test_events_end_with_the_time_given(client: TaskTracker, task_type: str) -> None:
    with client.events(task_types=[task_type], timeout=1) as events:
        next(events)
        with pytest.raises(sdk.WaitTimeout):
            next(events)
