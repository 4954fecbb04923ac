"""`GET /api/v1/events`: many tasks at once, live only."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from .driver import EVENTS, TASKS, Driver, Held, Json, unique
from .rawhttp import Connection
from .shapes import assert_error, assert_json, every_ending, instant
from .sse import Frame, Stream


def opened(driver: Driver, query: str = "") -> Stream:
    """A stream that is told everything from now on: its first frame is read."""
    stream = driver.events(query)
    assert stream.status == 200
    first = stream.next()
    assert first.names == ["retry", "event", "data"]
    assert first.event == first.envelope["event"] == "ready"
    return stream


def brief(frame: Frame) -> tuple[Any, ...]:
    """What a frame says, without times."""
    envelope = frame.envelope
    data: Json = envelope["data"]
    return (envelope["taskId"], data.get("reason") or data.get("status") or data.get("seqId"))


def told(stream: Stream, count: int) -> set[tuple[Any, ...]]:
    """The next frames; changes of different kinds are told in no promised order."""
    return {brief(frame) for frame in stream.take(count)}


def settled_new(driver: Driver, task_type: str) -> str:
    """A new task; that it was created was told already, for telling may come after the answer."""
    with opened(driver, f"?taskType={task_type}") as stream:
        task_id = driver.new(task_type)
        assert told(stream, 1) == {(task_id, "created")}
    return task_id


def settled_held(driver: Driver, task_type: str, **fields: Any) -> Held:
    """The same of a task in progress."""
    with opened(driver, f"?taskType={task_type}") as stream:
        held = driver.held(task_type, "w", **fields)
        assert told(stream, 2) == {(held.task_id, "created"), (held.task_id, "started")}
    return held


@pytest.fixture
def held(driver: Driver, task_type: str) -> Held:
    """A task in progress, of which all was told that happened to it so far."""
    return settled_held(driver, task_type)


def test_ready_says_what_is_told(driver: Driver) -> None:
    with driver.events("?taskId=a&taskId=b&taskType=t&taskId=a&progress=1") as stream:
        assert stream.next().envelope == {
            "event": "ready",
            "data": {"taskIds": ["a", "b"], "taskTypes": ["t"], "progress": True},
        }


def test_the_stream_is_one_that_proxies_let_pass(driver: Driver) -> None:
    with driver.events() as stream:
        assert stream.headers["content-type"] == "text/event-stream"
        assert stream.headers["cache-control"] == "no-cache, no-transform"
        assert stream.headers["x-accel-buffering"] == "no"
        assert stream.comment().raw == b":\n"


def test_the_life_of_a_task_is_told_to_those_who_watch_its_type(driver: Driver, task_type: str) -> None:
    with opened(driver, f"?taskType={task_type}") as stream:
        task_id = driver.new(task_type, taskId=unique())
        assert told(stream, 1) == {(task_id, "created")}
        driver.taken(task_type, worker="w").append(2)
        assert told(stream, 1) == {(task_id, "claimed")}
        driver.release(task_id)
        assert told(stream, 1) == {(task_id, "released")}
        driver.start(task_id)
        assert told(stream, 1) == {(task_id, "started")}
        driver.post(task_id, "cancel", {})
        assert told(stream, 1) == {(task_id, "cancel_requested")}
        driver.complete(task_id, result=1)
        assert told(stream, 1) == {(task_id, "completed")}


def test_a_change_is_told_as_by_the_tasks_own_stream_and_with_its_type(
    driver: Driver, task_type: str
) -> None:
    with opened(driver, f"?taskType={task_type}") as stream:
        task_id = driver.new(task_type)
        driver.start(task_id, workerId="w")
        created, started = stream.take(2)

    assert created.names == started.names == ["event", "data"]
    assert created.envelope == {
        "event": "status_change",
        "data": {
            "status": "pending",
            "final": False,
            "reason": "created",
            "workerId": None,
            "attempt": 0,
            "cancelRequested": False,
        },
        "taskId": task_id,
        "timestamp": driver.task(task_id)["createdAt"],
        "taskType": task_type,
    }
    assert started.data["workerId"] == "w"
    assert started.data["attempt"] == 1
    assert started.envelope["timestamp"] == driver.task(task_id)["updatedAt"]


@every_ending
def test_an_end_is_told_with_its_outcome(held: Held, task_type: str, verb: str, status: str) -> None:
    outcomes: dict[str, Json] = {"completed": {"result": {"a": [1]}}, "failed": {"error": "broken"}}
    fields = outcomes.get(status, {})
    with opened(held.driver, f"?taskId={held.task_id}") as stream:
        held.driver.post(held.task_id, verb, fields)
        frame = stream.next()

    expected: Json = {"status": status, **fields}
    if status == "failed":
        expected["newTaskId"] = None
    assert frame.names == ["event", "data"]
    assert (frame.data, frame.envelope["taskType"]) == (expected, task_type)
    instant(frame.envelope["timestamp"])


def test_the_end_of_a_cancelled_task_that_waited_is_told(driver: Driver, task_type: str) -> None:
    task_id = settled_new(driver, task_type)
    with opened(driver, f"?taskId={task_id}") as stream:
        driver.post(task_id, "cancel", {"reason": "no longer wanted"})

        assert stream.next().data["error"]["code"] == "cancelled"


def test_the_next_task_of_a_failed_one_is_told(driver: Driver, task_type: str) -> None:
    held = settled_held(driver, task_type, maxRetries=1)
    with opened(driver, f"?taskType={task_type}") as stream:
        again = held.fail().json()["newTaskId"]

        assert told(stream, 2) == {(held.task_id, "failed"), (again, "created")}


def test_a_retry_is_told(driver: Driver, task_type: str) -> None:
    held = settled_held(driver, task_type)
    held.fail(retry=False)
    with opened(driver, f"?taskType={task_type}") as stream:
        again = driver.retry(held.task_id).json()["newTaskId"]

        frame = stream.next()
        assert brief(frame) == (again, "created")
        assert frame.envelope["timestamp"] == driver.task(again)["createdAt"]


def test_bulk_calls_tell_each_task(driver: Driver, task_type: str) -> None:
    ids = [unique() for _ in range(700)]
    with opened(driver, f"?taskType={task_type}") as stream:
        tasks = [{"taskType": task_type, "taskId": task_id} for task_id in ids]
        assert_json(driver.write.post(f"{TASKS}/bulk/register", json={"tasks": tasks}), 200)

        assert told(stream, 700) == {(task_id, "created") for task_id in ids}


def test_tasks_are_told_by_id_or_by_type_and_no_others(driver: Driver, task_type: str) -> None:
    other = unique("type")
    watched, stranger = settled_new(driver, other), settled_new(driver, other)
    with opened(driver, f"?taskId={watched}&taskType={task_type}") as stream:
        driver.start(stranger)
        driver.start(watched)
        by_type = driver.new(task_type)

        assert told(stream, 2) == {(watched, "started"), (by_type, "created")}


def test_a_task_can_be_watched_before_it_is_there(driver: Driver, task_type: str) -> None:
    task_id = unique()
    with opened(driver, f"?taskId={task_id}&progress=true") as stream:
        driver.new(task_type, taskId=task_id)
        driver.start(task_id)
        driver.progress(task_id, {"n": 1})

        assert told(stream, 3) == {(task_id, "created"), (task_id, "started"), (task_id, 1)}


def test_without_names_all_tasks_are_told(driver: Driver, task_type: str) -> None:
    task_id = unique()
    with opened(driver) as stream:
        driver.new(task_type, taskId=task_id)

        while brief(stream.next()) != (task_id, "created"):
            pass


def test_progress_is_told_only_to_those_who_ask_for_it(held: Held, task_type: str) -> None:
    driver = held.driver
    with (
        opened(driver, f"?taskType={task_type}") as without,
        opened(driver, f"?taskType={task_type}&progress=true") as by_type,
        opened(driver, f"?taskId={held.task_id}&progress=true") as by_id,
    ):
        held.progress([{"percent": 1}, {"percent": 2}])
        held.complete()

        assert told(without, 1) == {(held.task_id, "completed")}
        everything = {(held.task_id, 1), (held.task_id, 2), (held.task_id, "completed")}
        assert told(by_type, 3) == told(by_id, 3) == everything


@pytest.mark.parametrize("verb", ["complete", "fail"])
@pytest.mark.parametrize("before", [0, 1])
def test_entries_that_come_with_an_end_are_told_before_it(
    held: Held, task_type: str, before: int, verb: str
) -> None:
    held.append(before)
    status = {"complete": "completed", "fail": "failed"}[verb]
    with (
        opened(held.driver, f"?taskType={task_type}&progress=true") as by_type,
        opened(held.driver, f"?taskId={held.task_id}&progress=true") as by_id,
        opened(held.driver, f"?taskId={held.task_id}&taskType={task_type}&progress=true") as by_both,
        held.track(f"?afterSeqId={before}") as track,
    ):
        held.driver.post(held.task_id, verb, {**held.identity, "progress": [{"a": "ü|\\n"}, {}]})
        told_by_each = [stream.take(3) for stream in (by_type, by_id, by_both)]
        own = [frame.envelope for frame in track.take(2)]

    for frames in told_by_each:
        assert [brief(frame)[1] for frame in frames] == [before + 1, before + 2, status]
        assert [frame.envelope for frame in frames[:2]] == [{**one, "taskType": task_type} for one in own]
    stored = held.page(f"?afterSeqId={before}")["entries"]
    assert [(one["timestamp"], one["data"]) for one in stored] == [
        (one["timestamp"], one["data"]) for one in own
    ]


@pytest.mark.parametrize("by", ["taskId", "taskType"])
def test_an_entry_is_told_as_by_the_tasks_own_stream(held: Held, task_type: str, by: str) -> None:
    name = held.task_id if by == "taskId" else task_type
    with opened(held.driver, f"?{by}={name}&progress=true") as stream, held.track() as track:
        held.progress({"percent": 42})
        frame, own = stream.next(), track.take(1)[0]

    assert frame.names == ["event", "data"]
    assert frame.event == "progress"
    assert frame.envelope == {**own.envelope, "taskType": task_type}


def test_what_is_named_twice_is_told_once(held: Held, task_type: str) -> None:
    query = (
        f"?taskId={held.task_id}&taskId={held.task_id}&taskType={task_type}&taskType={task_type}&progress=1"
    )
    with opened(held.driver, query) as stream:
        held.append(2)
        held.complete()

        assert [brief(frame)[1] for frame in stream.take(3)] == [1, 2, "completed"]
        marker = held.driver.new(task_type)
        assert brief(stream.next()) == (marker, "created")


def test_the_entries_of_a_task_are_told_in_order(held: Held, task_type: str) -> None:
    with opened(held.driver, f"?taskType={task_type}&progress=true") as stream:
        for n in range(20):
            held.progress([{"n": n}] * 5)
        held.complete()

        said = [brief(frame)[1] for frame in stream.take(101)]
        assert said == [*range(1, 101), "completed"]


def test_nothing_is_replayed(held: Held, task_type: str) -> None:
    held.append(3)
    with opened(held.driver, f"?taskType={task_type}&progress=true") as stream:
        held.append(1)

        assert told(stream, 1) == {(held.task_id, 4)}


def test_types_are_compared_exactly_whatever_they_hold(driver: Driver) -> None:
    task_type = f'a|b "ü€" {unique()}\\'
    with opened(driver, f"?taskType={_quoted(task_type)}&progress=true") as stream:
        held = driver.held(task_type, "w")
        held.append(1)
        frames = stream.take(3)

    assert {frame.envelope["taskType"] for frame in frames} == {task_type}
    assert {brief(frame)[1] for frame in frames} == {"created", "started", 1}


def test_many_streams_are_told_the_same(driver: Driver, task_type: str) -> None:
    streams = [opened(driver, f"?taskType={task_type}") for _ in range(10)]
    try:
        task_id = driver.new(task_type)

        assert [told(stream, 1) for stream in streams] == [{(task_id, "created")}] * 10
    finally:
        for stream in streams:
            stream.__exit__(None, None, None)


def test_a_hundred_tasks_can_be_watched_and_no_more(driver: Driver) -> None:
    names = "&".join(f"taskId=task-{n}" for n in range(101))

    with opened(driver, f"?progress=true&{names.rpartition('&')[0]}"):
        pass
    answer = driver.read.get(f"{EVENTS}?{names}")

    assert_error(answer, 400, "invalid_request")
    assert "taskId" in answer.json()["message"]


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ("taskId=a&taskId=b c", "taskId[1]"),
        ("taskId=", "taskId[0]"),
        ("taskType=", "taskType[0]"),
        ("taskType=a%0Ab", "taskType[0]"),
        ("progress=maybe&taskId=a", "progress"),
        ("progress=true", "progress"),
    ],
)
def test_bad_queries_are_refused_by_name(driver: Driver, query: str, named: str) -> None:
    answer = driver.read.get(f"{EVENTS}?{query}")

    assert_error(answer, 400, "invalid_request")
    assert f"$.{named}`" in answer.json()["message"]


def test_a_head_opens_no_stream(raw: Callable[[], Connection]) -> None:
    assert raw().exchange("HEAD", EVENTS).status_code == 405


def _quoted(text: str) -> str:
    return "".join(f"%{byte:02X}" for byte in text.encode())
