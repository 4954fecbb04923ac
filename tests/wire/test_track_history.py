"""Track: history, then what is live, each entry exactly once."""

from __future__ import annotations

import pytest

from .driver import Driver, Held, unique
from .shapes import every_ending, frame_numbers
from .sse import Frame


def ids(frames: list[Frame]) -> list[str | None]:
    return [frame.id for frame in frames]


def test_history_comes_first_then_what_is_live(held: Held) -> None:
    held.append(2)

    with held.track() as stream:
        assert ids(stream.take(2)) == ["1", "2"]
        held.append(2)
        assert ids(stream.take(2)) == ["3", "4"]
        held.complete()
        assert ids(stream.rest()) == ["4.completed"]


def test_every_entry_carries_its_number_as_id(held: Held) -> None:
    held.progress([{"n": n} for n in range(5)])
    held.complete()

    with held.track() as stream:
        frames = stream.rest()

    assert ids(frames) == ["1", "2", "3", "4", "5", "5.completed"]
    assert frame_numbers(frames) == [1, 2, 3, 4, 5]


def test_the_stream_ends_right_after_the_final_event(held: Held) -> None:
    with held.track() as stream:
        stream.opening()
        held.complete()

        assert stream.next().id == "0.completed"
        assert stream.frame() is None


@every_ending
def test_a_live_tracker_is_told_of_every_ending(held: Held, verb: str, status: str) -> None:
    with held.track() as stream:
        held.append(1)
        assert ids(stream.take(1)) == ["1"]
        held.driver.post(held.task_id, verb)

        assert ids(stream.rest()) == [f"1.{status}"]


def test_a_pending_task_can_be_tracked_from_the_start(driver: Driver, task_type: str) -> None:
    task_id = driver.new(task_type)

    with driver.track(task_id) as stream:
        stream.opening()
        held = driver.taken(task_type, worker="w")
        held.append(1)
        held.complete()

        assert ids(stream.rest()) == ["1", "1.completed"]


def test_a_tracker_of_a_pending_task_is_told_of_its_end(driver: Driver, task_type: str) -> None:
    task_id = driver.new(task_type)

    with driver.track(task_id) as stream:
        stream.opening()
        driver.timeout(task_id)

        assert ids(stream.rest()) == ["0.timeout"]


def test_a_stream_goes_on_across_a_release(held: Held, task_type: str) -> None:
    with held.track() as stream:
        held.append(1)
        held.release()
        second = held.driver.taken(task_type, worker=unique("second"))
        second.append(1)
        second.complete()

        assert ids(stream.rest()) == ["1", "2", "2.completed"]


def test_the_history_of_a_released_task_can_be_tracked(held: Held) -> None:
    held.append(2)
    held.release()

    with held.track() as stream:
        assert ids(stream.take(2)) == ["1", "2"]


def test_a_finished_task_is_replayed(held: Held) -> None:
    held.append(3)
    held.complete(result=1)

    with held.track() as stream:
        assert ids(stream.rest()) == ["1", "2", "3", "3.completed"]


def test_live_and_replayed_entries_say_the_same(held: Held) -> None:
    with held.track() as stream:
        stream.opening()
        held.progress({"percent": 1, "nested": {"a": [1, None, "ü"]}})
        held.progress([{"percent": 2}, {"percent": 3}])
        live = stream.take(3)

        with held.track() as replay:
            replayed = replay.take(3)
        held.complete()
        assert ids(stream.rest()) == ["3.completed"]
    with held.track() as replay:
        stored = replay.rest()[:3]

    assert [f.envelope for f in replayed] == [f.envelope for f in live]
    assert [f.envelope for f in stored] == [f.envelope for f in live]


def test_an_entry_carries_the_time_its_call_was_answered_with(held: Held) -> None:
    answered = [held.progress({"n": n}).json()["timestamp"] for n in range(3)]
    answered.append(held.progress([{"n": 4}, {"n": 5}]).json()["timestamp"])

    for _ in range(2):
        with held.track() as stream:
            frames = stream.take(5)
        assert [frame.envelope["timestamp"] for frame in [*frames[:3], frames[4]]] == answered
        held.complete()


def test_two_trackers_see_the_same(held: Held) -> None:
    held.append(2)

    with held.track() as first, held.track() as second:
        first.take(2)
        second.take(2)
        held.append(3)
        held.complete()
        seen, seen_too = first.rest(), second.rest()

    assert ids(seen) == ["3", "4", "5", "5.completed"]
    assert [frame.raw for frame in seen_too] == [frame.raw for frame in seen]


def test_a_tracker_of_one_task_hears_nothing_of_another(driver: Driver, task_type: str) -> None:
    mine, other = driver.held(task_type, "w"), driver.held(task_type, "w")

    with mine.track() as stream:
        stream.opening()
        other.append(2)
        mine.append(1)
        other.complete()
        mine.complete()

        assert [frame.envelope["taskId"] for frame in stream.rest()] == [mine.task_id] * 2


def test_a_tracker_that_leaves_takes_nothing_from_the_others(held: Held) -> None:
    with held.track() as stays:
        stays.opening()
        with held.track() as leaves:
            held.append(1)
            leaves.take(1)
        held.append(1)
        held.complete()

        assert ids(stays.rest()) == ["1", "2", "2.completed"]


def test_a_large_entry_arrives_whole(held: Held) -> None:
    with held.track() as stream:
        stream.opening()
        held.progress({"x": "x" * 60_000})

        assert stream.take(1)[0].data == {"seqId": 1, "x": "x" * 60_000}


@pytest.mark.slow
@pytest.mark.parametrize("finished", [False, True], ids=["live", "finished"])
def test_a_history_of_more_than_ten_thousand_entries_is_replayed_whole(held: Held, finished: bool) -> None:
    for first in range(0, 10_500, 500):
        held.progress([{"n": first + offset + 1} for offset in range(500)])
    if finished:
        held.complete()

    with held.track() as stream:
        frames = stream.take(10_500)

    assert frame_numbers(frames) == list(range(1, 10_501))
    assert all(frame.data["n"] == frame.data["seqId"] for frame in frames)
