"""What a reader is sent: each entry once, in order, gaps told, the end only over a whole history."""

import json
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from tasktracker_server.core.histories import StoredHistory
from tasktracker_server.core.log import Read
from tasktracker_server.core.replay import Cursor, Page, page_of, parse_last_event_id

TIME = "2026-01-31T12:00:00.007Z"


def line(number: int) -> bytes:
    return b'%d|1769860800007|1|{"n":%d}' % (number, number)


def stored(*numbers: int, status: str = "in_progress", **changes: Any) -> StoredHistory:
    """A history whose entries have these numbers."""
    usual: dict[str, Any] = {
        "status": status, "updated_at": TIME, "result": Raw(b"1"), "error": None, "new_task_id": None,
        "worker_id": "w1", "attempt": 1, "cancel_requested": False,
        "history_upto": numbers[-1] if numbers else 0, "lost_to": None, "live_debt": False,
        "long_ended": True if status == "completed" else None,
        "chunks": [line(number).decode() for number in numbers],
    }  # fmt: skip
    return StoredHistory(**usual | changes)


def live(*numbers: int, complete: bool = True, state: str = "l", last: int | None = None) -> Read:
    return Read(
        state, last or (numbers[-1] if numbers else 0), complete, [line(number) for number in numbers]
    )


NO_LOG = Read("", 0, True, [])


def told(frames: Sequence[bytes]) -> list[str]:
    """Frames in short: ``1`` an entry, ``2-5`` a gap, ``9.completed`` the end."""
    short = []
    for frame in frames:
        fields = dict(one.split(": ", 1) for one in frame.decode().strip().split("\n"))
        data = json.loads(fields["data"])["data"]
        short.append(fields.get("id") or f"{data['fromSeqId']}-{data['toSeqId']}")
    return short


def sent(page: Page, after: int = 0) -> list[str]:
    return told(list(Cursor("enc-1", after).replay(page)))


@pytest.mark.parametrize(
    ("text", "read"),
    [
        (None, None),
        ("", None),
        ("5", (5, False)),
        (" 5 ", (5, False)),
        ("0", (0, False)),
        ("7.completed", (7, True)),
        ("0.timeout", (0, True)),
        ("7.failed", (7, True)),
        ("7.pending", None),
        ("-1", None),
        ("5.", None),
        ("١", None),
        ("99999999999", None),
        ("5\n6", None),
    ],
)
def test_a_last_event_id_is_a_number_perhaps_with_how_the_task_ended(
    text: str | None, read: tuple[int, bool] | None
) -> None:
    assert parse_last_event_id(text) == read


def test_stored_entries_come_before_live_ones_and_each_once() -> None:
    assert sent(page_of(0, live(3, 4, 5), stored(1, 2, 3))) == ["1", "2", "3", "4", "5"]


def test_a_reader_is_sent_nothing_it_has_seen() -> None:
    assert sent(page_of(2, live(3, 4), stored(1, 2, 3)), after=2) == ["3", "4"]


def test_live_entries_wait_until_all_that_is_stored_before_them_is_read() -> None:
    page = page_of(0, live(301), stored(1, 2, history_upto=300))

    assert page.more
    assert sent(page) == ["1", "2"]


def test_a_hole_is_told_as_a_gap_before_what_comes_after_it() -> None:
    assert sent(page_of(0, live(257), stored(1, 2))) == ["1", "2", "3-256", "257"]


def test_a_hole_before_the_first_entry_is_a_gap() -> None:
    assert sent(page_of(0, live(9), stored())) == ["1-8", "9"]


def test_a_gap_begins_where_the_reader_is() -> None:
    assert sent(page_of(5, live(9), stored()), after=5) == ["6-8", "9"]


def test_the_end_comes_after_the_last_entry() -> None:
    page = page_of(0, NO_LOG, stored(1, 2, status="completed"))
    cursor = Cursor("enc-1", 0)

    assert told(list(cursor.replay(page))) == ["1", "2", "2.completed"]
    assert cursor.ended


def test_what_was_lost_at_the_end_is_told_before_it() -> None:
    page = page_of(0, NO_LOG, stored(1, status="completed", lost_to=4))

    assert sent(page) == ["1", "2-4", "1.completed"]


def test_a_loss_the_reader_is_past_is_not_told_again() -> None:
    assert sent(page_of(4, NO_LOG, stored(1, status="completed", lost_to=4)), after=4) == ["1.completed"]


@pytest.mark.parametrize(
    "page",
    [
        page_of(0, live(1), stored(status="completed")),
        page_of(0, NO_LOG, stored(1, status="completed", live_debt=True)),
        page_of(0, None, stored(1, status="completed", long_ended=False)),
        page_of(0, NO_LOG, stored(1, status="completed", history_upto=9)),
    ],
    ids=["still in the live log", "still owed", "just ended, live log out of reach", "more to read"],
)
def test_the_end_is_never_sent_over_a_history_that_is_still_to_come(page: Page) -> None:
    assert "completed" not in "".join(sent(page))


def test_a_task_that_ended_a_while_ago_ends_its_stream_without_the_live_log() -> None:
    assert sent(page_of(0, None, stored(1, status="completed"))) == ["1", "1.completed"]


def test_who_wants_no_history_starts_at_its_end() -> None:
    cursor = Cursor("enc-1", 0, skipping=True)
    page = page_of(0, live(3, 4), stored(1, 2))

    cursor.skip(page)

    assert cursor.after == 4
    assert list(cursor.replay(page)) == []


def test_who_wants_no_history_of_an_ended_task_is_sent_the_end_alone() -> None:
    cursor = Cursor("enc-1", 0, skipping=True)
    page = page_of(0, NO_LOG, stored(1, 2, status="completed", lost_to=5))

    cursor.skip(page)

    assert told(list(cursor.replay(page))) == ["2.completed"]


def test_who_wants_no_history_waits_until_its_end_is_known() -> None:
    cursor = Cursor("enc-1", 0, skipping=True)
    page = page_of(0, None, stored(1, 2))

    cursor.skip(page)

    assert cursor.skipping
    assert list(cursor.replay(page)) == []


def test_a_reader_of_unnamed_events_is_sent_no_event_lines() -> None:
    page = page_of(0, NO_LOG, stored(2, status="completed"))

    frames = list(Cursor("enc-1", 0, named=False).replay(page))

    assert told(frames) == ["1-1", "2", "2.completed"]
    assert not any(b"\nevent:" in frame or frame.startswith(b"event:") for frame in frames)


@given(
    st.sets(st.integers(1, 60), min_size=1, max_size=25).map(sorted),
    st.integers(0, 25),
    st.integers(0, 25),
    st.integers(0, 70),
    st.integers(1, 5),
    st.none() | st.integers(1, 70),
)
def test_in_whatever_pages_a_history_is_read_every_number_is_an_entry_or_in_one_gap(
    numbers: list[int], archived: int, overlap: int, after: int, page_size: int, lost: int | None
) -> None:
    """The stores hold ``numbers``, the live log the newest of them, which may be stored as well."""
    lost_to = lost if lost is not None and lost > numbers[-1] else None
    history, tail = numbers[:archived], numbers[max(0, archived - overlap) :]
    cursor = Cursor("enc-1", after)
    frames: list[bytes] = []
    for _ in range(100):
        ahead = [number for number in history if number > cursor.after]
        rest = [number for number in tail if number > cursor.after]
        page = page_of(
            cursor.after,
            live(*rest[:page_size], complete=len(rest) <= page_size, last=numbers[-1]),
            stored(*ahead[:page_size], history_upto=history[-1] if history else 0),
        )
        frames += cursor.replay(page)
        if not page.more:
            break
    done = stored(*[n for n in numbers if n > cursor.after], status="completed", history_upto=numbers[-1])
    frames += cursor.replay(page_of(cursor.after, NO_LOG, done._replace(lost_to=lost_to)))

    *events, end = told(frames)
    covered = [one for event in events for one in _numbers(event)]
    assert covered == list(range(after + 1, max(numbers[-1], lost_to or 0) + 1))
    assert [int(event) for event in events if "-" not in event] == [n for n in numbers if n > after]
    assert end == f"{numbers[-1]}.completed"


def _numbers(event: str) -> range:
    first, _, last = event.partition("-")
    return range(int(first), int(last or first) + 1)
