"""What holds whatever races it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import httpx
import pytest

from .driver import Driver, Held, unique
from .shapes import assert_wrong_status, frame_numbers, numbers
from .sse import Frame
from .waiting import at_once


@pytest.mark.slow
def test_each_of_200_tasks_goes_to_one_of_sixteen_claimers_oldest_first(
    driver: Driver, task_type: str
) -> None:
    registered = [driver.new(task_type) for _ in range(200)]

    def claim_all(worker: str) -> list[str]:
        got = []
        while (task := driver.claimed(task_type, worker=worker)) is not None:
            got.append(task["id"])
        return got

    taken = at_once([partial(claim_all, unique("worker")) for _ in range(16)])

    assert sorted(task_id for got in taken for task_id in got) == sorted(registered)
    place = {task_id: position for position, task_id in enumerate(registered)}
    for got in taken:
        assert got == sorted(got, key=place.__getitem__)


def follow(held: Held) -> list[Frame]:
    with held.track() as stream:
        return stream.rest()


def write_all(held: Held, writers: int, each: int) -> None:
    """Append from several writers at the same moment, then complete."""

    def write() -> None:
        held.append(each)

    at_once([write] * writers)
    held.complete()


def test_writers_racing_ten_new_trackers_are_seen_whole_by_each(held: Held) -> None:
    calls: list[Callable[[], list[Frame]]] = [partial(follow, held)] * 10

    def write() -> list[Frame]:
        write_all(held, writers=4, each=40)
        return []

    seen = at_once([*calls, write])[:-1]

    for frames in seen:
        assert frame_numbers(frames) == list(range(1, 161))
        assert [frame.id for frame in frames] == [*(str(n) for n in range(1, 161)), "160.completed"]
    assert len({tuple(str(frame.envelope) for frame in frames[:-1]) for frames in seen}) == 1


def test_trackers_that_join_one_after_the_other_miss_nothing(held: Held) -> None:
    def join(turn: int) -> list[Frame]:
        for _ in range(turn):
            held.task()
        return follow(held)

    def write() -> list[Frame]:
        write_all(held, writers=2, each=80)
        return []

    joins: list[Callable[[], list[Frame]]] = [partial(join, turn) for turn in range(10)]
    seen = at_once([*joins, write])[:-1]

    for frames in seen:
        assert frame_numbers(frames) == list(range(1, 161))


Written = tuple[list[int], httpx.Response]


def write_until_refused(held: Held) -> Written:
    """Append until the end; the numbers that were answered, and the refusal."""
    accepted: list[int] = []
    while (answer := held.progress({"n": 1})).status_code == 200:
        accepted.append(answer.json()["seqId"])
    return accepted, answer


@pytest.mark.parametrize("verb", ["complete", "fail", "timeout"])
@pytest.mark.parametrize("turn", range(3))
def test_progress_that_races_the_end_is_in_the_history_once_it_was_answered(
    held: Held, verb: str, turn: int
) -> None:
    accepted: list[int] = []
    writes: list[Callable[[], Written]] = [partial(write_until_refused, held)] * 4

    def end() -> Written:
        for _ in range(turn * 5 + 1):
            held.task()
        return [], held.driver.post(held.task_id, verb, {"workerId": held.worker})

    *writers, (_, ended) = at_once([*writes, end])

    assert ended.status_code == 200
    task = held.task()
    for given, refusal in writers:
        accepted += given
        assert_wrong_status(refusal, task["status"])
    assert sorted(accepted) == numbers(task["progressHistory"]) == list(range(1, len(accepted) + 1))
    assert frame_numbers(follow(held)) == sorted(accepted)


def test_a_tracker_of_racing_progress_and_end_sees_what_is_stored(held: Held) -> None:
    def end() -> list[Frame]:
        held.task()
        held.complete()
        return []

    def write() -> list[Frame]:
        write_until_refused(held)
        return []

    follows: list[Callable[[], list[Frame]]] = [partial(follow, held)] * 4
    seen = at_once([*follows, write, write, end])[:4]

    stored = numbers(held.task()["progressHistory"])
    for frames in seen:
        assert frame_numbers(frames) == stored
        assert frames[-1].id == f"{len(stored)}.completed"


def test_a_release_that_races_progress_loses_nothing(held: Held, task_type: str) -> None:
    def release() -> list[int]:
        held.release()
        return []

    def write() -> list[int]:
        return write_until_refused(held)[0]

    accepted = [n for given in at_once([write, write, write, release]) for n in given]
    second = held.driver.taken(task_type, worker=unique("second"))
    last = second.progress({"by": "second"}).json()["seqId"]
    second.complete()

    assert sorted([*accepted, last]) == numbers(held.task()["progressHistory"]) == list(range(1, last + 1))


@pytest.mark.parametrize("turn", range(3))
def test_a_release_that_races_a_completion_leaves_one_outcome(held: Held, turn: int) -> None:
    calls = [held.complete, held.release] if turn % 2 else [held.release, held.complete]

    answers = at_once(calls)

    statuses = [answer.json()["status"] for answer in answers if answer.status_code == 200]
    assert statuses == [held.task()["status"]]
