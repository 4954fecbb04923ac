"""Progress entries: what is stored is read back, and shown in the shapes of the contract."""

import json
from datetime import UTC, datetime

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasktracker_schema.answers import ProgressEntry
from tasktracker_schema.events import Progress, TrackEvent
from tasktracker_server.core.entries import Entry, first_number, iso, merge, parse_all

milliseconds = st.integers(0, 4_102_444_800_000)
numbers = st.integers(1, 2**31 - 1)
values = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**9), 10**9) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
objects = st.dictionaries(st.text().filter(lambda name: name != "seqId"), values, max_size=4)
entries = st.builds(
    lambda seq_id, ms, attempt, data: Entry(seq_id, ms, attempt, msgspec.json.encode(data)),
    numbers, milliseconds, st.integers(1, 99), objects,
)  # fmt: skip


def stored(entry: Entry) -> bytes:
    return b"%d|%d|%d|%b" % entry


@given(entries)
def test_a_stored_entry_is_read_back_whatever_its_data_hold(entry: Entry) -> None:
    assert Entry.parse(stored(entry)) == entry


@given(st.lists(entries, min_size=1, max_size=5))
def test_a_joined_history_is_read_back_line_by_line(several: list[Entry]) -> None:
    joined = b"\n".join(stored(entry) for entry in several)

    assert parse_all(joined.split(b"\n")) == several
    assert first_number(joined) == several[0].seq_id


@given(entries)
def test_an_entry_is_shown_with_its_number_first_and_its_data_unchanged(entry: Entry) -> None:
    shown = json.loads(entry.numbered)

    assert next(iter(shown)) == "seqId"
    assert shown == {"seqId": entry.seq_id, **json.loads(entry.data)}


@given(entries)
def test_a_page_item_is_what_the_schema_promises(entry: Entry) -> None:
    item = msgspec.json.decode(entry.page_item, type=ProgressEntry)

    assert (item.seq_id, item.data) == (entry.seq_id, json.loads(entry.numbered))
    assert item.timestamp.timestamp() * 1000 == pytest.approx(entry.ms, abs=0.5)


@given(entries)
def test_an_event_is_what_the_schema_promises(entry: Entry) -> None:
    event = msgspec.json.decode(entry.envelope("enc-1"), type=TrackEvent)

    assert isinstance(event, Progress)
    assert (event.task_id, event.data) == ("enc-1", json.loads(entry.numbered))


@given(milliseconds)
def test_a_time_has_milliseconds_and_z_and_is_exact(ms: int) -> None:
    text = iso(ms).decode()
    read = datetime.fromisoformat(text)

    assert len(text) == len("2026-01-31T12:00:00.123Z")
    assert read.tzinfo == UTC
    assert round(read.timestamp() * 1000) == ms


def test_a_time_is_written_as_the_contract_says() -> None:
    assert iso(1_769_860_800_007) == b"2026-01-31T12:00:00.007Z"


@given(st.sets(numbers, max_size=12), st.integers(0, 12), st.integers(0, 12))
def test_stored_and_live_entries_merge_to_each_once_in_order(given: set[int], end: int, begin: int) -> None:
    """The live log holds the newest entries; some of them may be stored already."""
    history = [Entry(number, 0, 1, b"{}") for number in sorted(given)]
    kept, live = history[:end], history[min(begin, end) :]

    assert merge(kept, live) == history
