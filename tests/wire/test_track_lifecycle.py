"""`lifecycle=true`: the changes of a task that are not its end."""

from __future__ import annotations

from .driver import Driver, Held, Json
from .sse import Frame, Stream

LIFECYCLE = "?lifecycle=true"


def change(status: str, reason: str, worker: str | None, attempt: int) -> Json:
    return {
        "status": status,
        "final": False,
        "reason": reason,
        "workerId": worker,
        "attempt": attempt,
        "cancelRequested": False,
    }


def is_change(frame: Frame) -> bool:
    return frame.envelope["data"].get("final") is False


def next_change(stream: Stream) -> Frame:
    while not is_change(frame := stream.take(1)[0]):
        pass
    return frame


def test_the_current_state_of_a_pending_task_comes_first(driver: Driver, task_type: str) -> None:
    task_id = driver.new(task_type)

    with driver.track(task_id, LIFECYCLE) as stream:
        assert next_change(stream).data == change("pending", "current", None, 0)


def test_the_current_state_of_a_task_in_progress_names_its_holder(held: Held) -> None:
    with held.track(LIFECYCLE) as stream:
        assert next_change(stream).data == change("in_progress", "current", held.worker, 1)


def test_a_change_is_a_status_change_without_id(held: Held) -> None:
    with held.track(LIFECYCLE) as stream:
        frame = next_change(stream)

    assert frame.names == ["event", "data"]
    assert frame.event == frame.envelope["event"] == "status_change"
    assert set(frame.envelope) == {"event", "data", "taskId", "timestamp"}
    assert frame.envelope["taskId"] == held.task_id


def test_a_change_has_no_event_line_without_names(held: Held) -> None:
    with held.track(f"{LIFECYCLE}&named=false") as stream:
        assert next_change(stream).names == ["data"]


def test_a_claim_is_told(driver: Driver, task_type: str, worker: str) -> None:
    task_id = driver.new(task_type)

    with driver.track(task_id, LIFECYCLE) as stream:
        next_change(stream)
        driver.claimed(task_type, worker=worker)

        assert next_change(stream).data == change("in_progress", "claimed", worker, 1)


def test_a_start_is_told(driver: Driver, task_type: str, worker: str) -> None:
    task_id = driver.new(task_type)

    with driver.track(task_id, LIFECYCLE) as stream:
        next_change(stream)
        driver.start(task_id, workerId=worker)

        assert next_change(stream).data == change("in_progress", "started", worker, 1)


def test_a_release_is_told(held: Held) -> None:
    with held.track(LIFECYCLE) as stream:
        next_change(stream)
        held.release()

        assert next_change(stream).data == change("pending", "released", None, 1)


def test_every_change_is_told_in_order_and_the_end_as_ever(driver: Driver, task_type: str) -> None:
    task_id = driver.new(task_type)

    with driver.track(task_id, LIFECYCLE) as stream:
        next_change(stream)
        driver.start(task_id, workerId="a")
        driver.release(task_id)
        driver.taken(task_type, worker="b").append(1)
        driver.complete(task_id)
        frames = stream.rest()

    changes = [change("in_progress", "started", "a", 1), change("pending", "released", None, 1)]
    assert [f.data for f in frames if is_change(f)] == [*changes, change("in_progress", "claimed", "b", 2)]
    assert all(f.names == ["event", "data"] for f in frames if is_change(f))
    assert [f.id for f in frames if not is_change(f)] == ["1", "1.completed"]
    assert frames[-1].data == {"status": "completed", "result": None}


def test_changes_are_never_replayed(held: Held, task_type: str) -> None:
    held.append(1)
    held.release()
    second = held.driver.taken(task_type, worker="second")

    with held.track(LIFECYCLE) as stream:
        frames = stream.take(2)
        second.complete()
        frames += stream.rest()

    assert [f.data for f in frames if is_change(f)] == [change("in_progress", "current", "second", 2)]


def test_changes_are_not_sent_unless_asked_for(driver: Driver, task_type: str) -> None:
    task_id = driver.new(task_type)

    with driver.track(task_id) as stream, driver.track(task_id, "?lifecycle=false") as other:
        stream.opening()
        other.opening()
        driver.start(task_id)
        driver.release(task_id)
        driver.timeout(task_id)

        assert [frame.id for frame in stream.rest()] == ["0.timeout"]
        assert [frame.id for frame in other.rest()] == ["0.timeout"]
