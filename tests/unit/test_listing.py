"""What a query of the list means, and the cursors that go with it."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasktracker_schema.requests import ListTasksQuery
from tasktracker_server.core import cursors
from tasktracker_server.core.errors import InvalidCursor
from tasktracker_server.core.listing import filters, listing
from tasktracker_server.core.lists import Place

places = st.builds(
    Place, st.integers(-62_000_000_000_000, 253_402_300_800_000), st.integers(0, (1 << 63) - 1)
)


@given(places, st.binary(max_size=200))
def test_a_cursor_leads_back_to_its_place(place: Place, asked: bytes) -> None:
    assert cursors.read(cursors.write(place, asked), asked) == place


@given(places, st.binary(max_size=50), st.binary(max_size=50))
def test_a_cursor_of_other_filters_is_refused(place: Place, asked: bytes, others: bytes) -> None:
    if asked != others:
        with pytest.raises(InvalidCursor):
            cursors.read(cursors.write(place, asked), others)


@given(st.text(max_size=40))
def test_any_text_but_a_cursor_is_refused(text: str) -> None:
    with pytest.raises(InvalidCursor):
        cursors.read(text, b"")


@pytest.mark.parametrize("place", [1 << 62, -(1 << 62), 253_402_300_800_001])
def test_a_made_up_cursor_leads_to_no_time_that_cannot_be_stored(place: int) -> None:
    with pytest.raises(InvalidCursor):
        cursors.read(cursors.write(Place(place, 0), b""), b"")


def test_a_list_begins_before_the_time_that_was_given() -> None:
    at = datetime(2026, 1, 31, 12, tzinfo=UTC)

    wanted = listing(ListTasksQuery(created_before=at, created_after=at))

    assert wanted.before == Place(1_769_860_800_000, 0)
    assert wanted.after == wanted.until == 1_769_860_800_000


@pytest.mark.parametrize(("microseconds", "milliseconds"), [(0, 0), (1, 1), (999, 1), (1000, 1), (1001, 2)])
def test_bounds_between_two_milliseconds_mean_the_later(microseconds: int, milliseconds: int) -> None:
    at = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=microseconds)

    assert listing(ListTasksQuery(created_after=at)).after == milliseconds


def test_a_worker_has_no_pending_tasks() -> None:
    assert "pending" not in listing(ListTasksQuery(worker_id="w")).statuses
    assert listing(ListTasksQuery(worker_id="w", status=["pending"])).statuses == ()


@pytest.mark.parametrize(
    "same",
    [
        {"status": ["failed", "pending"]},
        {"status": ["pending", "failed", "pending"]},
        {"limit": 3},
        {"fields": "full"},
        {"created_after": datetime(2026, 1, 31, 13, tzinfo=timezone(timedelta(hours=1)))},
        {"cursor": "x"},
    ],
    ids=str,
)
def test_filters_that_mean_the_same_take_the_same_cursor(same: dict[str, Any]) -> None:
    asked: dict[str, Any] = {
        "status": ["pending", "failed"],
        "created_after": datetime(2026, 1, 31, 12, tzinfo=UTC),
    }

    assert filters(ListTasksQuery(**asked | same)) == filters(ListTasksQuery(**asked))
