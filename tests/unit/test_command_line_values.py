"""What the command line reads from arguments and from progress entries."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasktracker_cli import values
from tasktracker_cli.exits import Exit, ending_of
from tasktracker_cli.output import compact, printable
from tasktracker_cli.reading import Reading, reading_of
from tasktracker_schema.answers import TaskPage

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)
fields = st.sampled_from(["percent", "done", "total", "message", "stream", "lines", "x"])


@pytest.mark.parametrize(
    ("text", "seconds"), [("90", 90), ("90s", 90), ("5m", 300), ("2h", 7200), ("1d", 86_400)]
)
def test_durations_have_units(text: str, seconds: int) -> None:
    assert values.duration(text) == seconds


@pytest.mark.parametrize("text", ["", "m", "1.5h", "-1", "1w", "1 h", "٣"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(click.BadParameter):
        values.duration(text)


def test_moments_are_times_with_an_offset_or_distances_from_now() -> None:
    noon = datetime(2026, 1, 31, 12, tzinfo=UTC)
    now, hour, slack = datetime.now(UTC), timedelta(hours=1), timedelta(seconds=5)

    assert values.ago("2026-01-31T13:00:00+01:00") == values.ahead("2026-01-31T12:00:00Z") == noon
    assert hour - slack <= now - values.ago("1h") <= hour
    assert hour <= values.ahead("1h") - now <= hour + slack


@pytest.mark.parametrize("read", [values.ago, values.ahead])
@pytest.mark.parametrize("text", ["2026-01-31T12:00:00", "tomorrow", "9999999999d"])
def test_moments_that_are_none_are_refused(text: str, read: Callable[[str], datetime]) -> None:
    with pytest.raises(click.BadParameter):
        read(text)


@pytest.mark.parametrize(
    ("data", "reading"),
    [
        ({"percent": 42, "message": "half"}, Reading(42.0, "half")),
        ({"done": 1, "total": 4}, Reading(25.0, "")),
        ({"done": 1, "total": 0, "frame": 7}, Reading(None, "done=1 total=0 frame=7")),
        ({"percent": 250}, Reading(100.0, "")),
        ({"percent": True, "done": "1"}, Reading(None, "done=1")),
        ({"percent": "half", "seqId": 3}, Reading(None, "")),
        ({"message": 5}, Reading(None, "5")),
        ({"stream": "stderr", "lines": ["a", "b"]}, Reading(None, "b", ("a", "b"), is_stderr=True)),
        ({"lines": ["a"]}, Reading(None, "lines=['a']")),
    ],
)
def test_entries_are_read_as_far_as_they_tell(data: dict[str, Any], reading: Reading) -> None:
    assert reading_of(data) == reading


@given(st.dictionaries(fields, json_values))
def test_any_entry_can_be_read_and_shown(data: dict[str, Any]) -> None:
    reading = reading_of(data)

    assert reading.percent is None or 0 <= reading.percent <= 100
    assert not {"\x1b", "\x07", "\n", "\r"} & set(printable(reading.message))


@pytest.mark.parametrize(
    ("status", "error", "code"),
    [
        ("completed", None, Exit.OK),
        ("failed", {"code": "exit_status"}, Exit.FAILED),
        ("failed", "cancelled", Exit.FAILED),
        ("failed", {"code": "cancelled"}, Exit.CANCELLED),
        ("timeout", None, Exit.TIMED_OUT),
    ],
)
def test_endings_have_exit_codes(status: str, error: object, code: Exit) -> None:
    assert ending_of(status, error) is code


def test_values_are_written_in_the_words_of_the_api() -> None:
    moment = datetime(2026, 1, 31, 12, 0, 0, 5000, tzinfo=timezone(timedelta(hours=1)))
    page = TaskPage(tasks=[], next_cursor="c")

    assert compact({"at": [moment], "page": page}) == (
        '{"at":["2026-01-31T11:00:00.005Z"],"page":{"tasks":[],"nextCursor":"c"}}'
    )


def test_text_of_others_steers_no_terminal() -> None:
    assert printable("a\tb\xa0é\u2028\x1b[2J\u202e\N{GRINNING FACE}") == (
        "a       b\xa0é\N{REPLACEMENT CHARACTER}\N{REPLACEMENT CHARACTER}[2J"
        "\N{REPLACEMENT CHARACTER}\N{GRINNING FACE}"
    )
