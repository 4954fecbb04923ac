"""The pages of errors and events say what the schema says: nothing is missing, nothing is made up."""

import re
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest

from tasktracker_schema import events, openapi_words
from tasktracker_schema.answers import ErrorBody
from tasktracker_schema.errors import ErrorCode
from tasktracker_schema.events import LifecycleReason, StatusData
from tasktracker_schema.requests import EventsQuery, TrackQuery
from tasktracker_schema.status import TERMINAL

DOCS = Path(__file__).parents[2] / "docs"
ERRORS = (DOCS / "errors.md").read_text()
EVENTS = (DOCS / "events.md").read_text()

KINDS = {kind.__struct_config__.tag: kind for kind in events.Event.__subclasses__()}
EXAMPLES = re.findall(r"^data: (.+)$", EVENTS, re.MULTILINE)


def section(page: str, title: str) -> str:
    """What stands under the headings that begin so."""
    parts = re.split(r"^## ", page, flags=re.MULTILINE)
    return "\n".join(part for part in parts if part.startswith(title))


@pytest.mark.parametrize("code", ErrorCode)
def test_every_code_is_told_under_its_status_in_the_words_of_the_schema_with_what_to_do(
    code: ErrorCode,
) -> None:
    (row,) = re.findall(rf"^\| `{code}` \|.*$", section(ERRORS, f"{code.http_status} "), re.MULTILINE)
    when, advice = row.strip("| ").split(" | ")[1:3]

    assert when == openapi_words.CODES[code]
    assert advice.endswith(".")


def test_no_other_code_is_told() -> None:
    assert set(re.findall(r"^\| `(\w+)` \|", ERRORS, re.MULTILINE)) == set(ErrorCode)


def test_the_example_of_an_error_is_one() -> None:
    (example,) = re.findall(r"```json\n(.+?)```", ERRORS, re.DOTALL)
    body = msgspec.json.decode(example, type=ErrorBody)

    assert body.status_code == body.code.http_status


@pytest.mark.parametrize("name", KINDS)
def test_every_event_is_told_with_an_example(name: Any) -> None:
    told = section(EVENTS, f"`{name}`")

    assert f'data: {{"event":"{name}"' in told


@pytest.mark.parametrize("example", EXAMPLES)
def test_every_example_is_what_the_schema_reads_and_nothing_more(example: str) -> None:
    kind = KINDS[msgspec.json.decode(example)["event"]]

    read = msgspec.json.decode(example, type=kind)

    assert msgspec.json.decode(msgspec.json.encode(read)).keys() == msgspec.json.decode(example).keys()
    assert _data_of(read) == msgspec.json.decode(example)["data"]


def _data_of(event: Any) -> Any:
    return msgspec.json.decode(msgspec.json.encode(event.data))


def rows(title: str) -> set[str]:
    """The first column of the table under a heading."""
    return set(re.findall(r"^\| `(\w+)` \|", section(EVENTS, title), re.MULTILINE))


def test_every_outcome_has_an_example() -> None:
    told = section(EVENTS, "`status_change`, final")

    assert set(re.findall(r'"status":"(\w+)"', told)) == TERMINAL


def test_every_reason_of_a_change_is_told() -> None:
    assert rows("`status_change`, with") == set(get_args(LifecycleReason))


def test_every_field_of_the_envelope_is_told() -> None:
    assert rows("The frame") == {"event", *events.Progress.__struct_encode_fields__}


def test_every_parameter_of_a_stream_is_told() -> None:
    track = re.findall(r"^\| `(\w+)` \|", EVENTS.partition("\n## ")[0], re.MULTILINE)

    assert track == list(TrackQuery.__struct_encode_fields__)
    assert rows("`ready`") == set(EventsQuery.__struct_encode_fields__)


@pytest.mark.parametrize("field", StatusData.__struct_encode_fields__)
def test_every_field_of_a_change_stands_in_an_example(field: str) -> None:
    assert any(f'"{field}":' in example for example in EXAMPLES)
