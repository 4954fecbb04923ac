"""Where a stream begins, and how it is resumed."""

from __future__ import annotations

from contextlib import suppress

import httpx
import pytest

from .driver import TASKS, Held
from .shapes import REQUEST_ID, every_ending
from .sse import Frame, Stream


def ids(frames: list[Frame]) -> list[str | None]:
    return [frame.id for frame in frames]


@pytest.fixture
def five(held: Held) -> Held:
    """A task in progress with five entries."""
    held.progress([{"n": n} for n in range(5)])
    return held


both = pytest.mark.parametrize("finished", [False, True], ids=["active", "finished"])


def seen(held: Held, finished: bool, query: str = "", last_event_id: str | None = None) -> list[str | None]:
    """The ids from this cursor to the end; an active task gets entry 6 and ends while it is tracked."""
    if finished:
        held.complete()
    with held.track(query, last_event_id) as stream:
        assert stream.status == 200
        stream.opening()
        if not finished:
            held.progress({"n": 5})
            held.complete()
        return ids(stream.rest())


def tail(first: int, finished: bool) -> list[str | None]:
    last = 5 if finished else 6
    return [*(str(n) for n in range(first, last + 1)), f"{last}.completed"]


@both
@pytest.mark.parametrize("after", [0, 1, 3, 4, 5])
def test_only_entries_after_the_cursor_are_sent(five: Held, finished: bool, after: int) -> None:
    assert seen(five, finished, f"?afterSeqId={after}") == tail(after + 1, finished)


@both
def test_history_can_be_left_out(five: Held, finished: bool) -> None:
    assert seen(five, finished, "?ignoreHistory=true") == tail(6, finished)


@both
def test_leaving_history_out_wins_over_a_cursor(five: Held, finished: bool) -> None:
    assert seen(five, finished, "?afterSeqId=2&ignoreHistory=true") == tail(6, finished)


@both
@pytest.mark.parametrize(
    "query", ["", "?afterSeqId=1", "?ignoreHistory=true", "?afterSeqId=5&ignoreHistory=1"]
)
def test_a_last_event_id_wins_over_everything(five: Held, finished: bool, query: str) -> None:
    assert seen(five, finished, query, last_event_id="3") == tail(4, finished)


def test_a_last_event_id_of_nothing_seen_replays_everything(five: Held) -> None:
    assert seen(five, True, "?ignoreHistory=true", last_event_id="0") == tail(1, True)


MALFORMED = ["", "abc", "-1", "1.5", "1,2", "0x3", "3 4", "completed", ".completed", "x.completed", "3."]


@both
@pytest.mark.parametrize("last_event_id", MALFORMED, ids=repr)
def test_a_malformed_last_event_id_is_ignored(five: Held, finished: bool, last_event_id: str) -> None:
    assert seen(five, finished, "?afterSeqId=4", last_event_id) == tail(5, finished)


def test_a_last_event_id_beyond_all_numbers_is_no_error(five: Held) -> None:
    five.complete()

    with five.track(last_event_id="9" * 40) as stream:
        assert stream.status == 200
        assert stream.rest()[-1].id == "5.completed"


def test_a_cursor_past_the_end_waits(five: Held) -> None:
    with five.track("?afterSeqId=7") as stream:
        assert stream.next().raw == b"retry: 2000\nid: 7\n\n"
        five.progress([{"n": n} for n in range(5, 9)])
        five.complete()

        assert ids(stream.rest()) == ["8", "9", "9.completed"]


def test_a_cursor_past_the_end_of_a_finished_task_gets_its_end(five: Held) -> None:
    five.complete()

    with five.track("?afterSeqId=7") as stream:
        assert ids(stream.rest()) == ["5.completed"]


def test_a_cursor_past_the_end_of_a_task_that_ends_earlier_gets_its_end(five: Held) -> None:
    with five.track("?afterSeqId=7") as stream:
        stream.opening()
        five.progress({"n": 5})
        five.complete()

        assert ids(stream.rest()) == ["6.completed"]


def resumed(held: Held, final_id: str) -> httpx.Response:
    return held.driver.read.get(
        f"{TASKS}/{held.task_id}/track", headers={"Last-Event-ID": final_id}, timeout=5
    )


@every_ending
@pytest.mark.parametrize("entries", [0, 2])
def test_a_reconnect_after_the_final_event_is_204(held: Held, verb: str, status: str, entries: int) -> None:
    held.append(entries)
    held.driver.post(held.task_id, verb)
    with held.track() as stream:
        final_id = stream.rest()[-1].id

    answer = resumed(held, final_id or "")

    assert final_id == f"{entries}.{status}"
    assert answer.status_code == 204
    assert answer.content == b""
    assert REQUEST_ID.fullmatch(answer.headers["x-request-id"])


def test_a_final_id_does_not_end_the_stream_of_a_task_that_goes_on(held: Held) -> None:
    with held.track(last_event_id="0.completed") as stream:
        assert stream.status == 200
        held.append(1)
        held.complete()

        assert ids(stream.rest()) == ["1", "1.completed"]


def test_a_cut_stream_is_resumed_without_gap_or_repeat(held: Held) -> None:
    got: list[str | None] = []
    for _ in range(4):
        last = got[-1] if got else None
        with held.track(last_event_id=last) as stream:
            held.append(2)
            got += ids(stream.take(1))
    held.complete()

    with held.track(last_event_id=got[-1]) as stream:
        got += ids(stream.rest())

    assert got == [*(str(n) for n in range(1, 9)), "8.completed"]


def until_cut(stream: Stream) -> list[str | None]:
    """The ids of one connection, however it ends."""
    got: list[str | None] = []
    with suppress(ConnectionError):
        while (frame := stream.frame()) is not None:
            if frame.names != ["retry", "id"]:
                got.append(frame.id)
    return got


@pytest.mark.slow
def test_a_reader_that_falls_far_behind_still_gets_everything_once(held: Held) -> None:
    entries = [{"x": "x" * 30_000} for _ in range(100)]
    with held.track() as idle:
        idle.opening()
        for _ in range(10):
            assert held.progress(entries).status_code == 200
        held.complete()
        got = until_cut(idle)

    while "1000.completed" not in got:
        with held.track(last_event_id=got[-1] if got else None) as resumed_stream:
            more = until_cut(resumed_stream)
        assert more, "a resumed stream brought nothing"
        got += more

    assert got == [*(str(n) for n in range(1, 1001)), "1000.completed"]
