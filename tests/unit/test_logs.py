"""The log: JSON for machines, lines for people, and never a line lost."""

import io
import json
import logging
import warnings
from collections.abc import Iterator
from typing import Any

import pytest

from tasktracker_server import logs


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    yield
    root.handlers[:] = before
    root.setLevel(level)
    logging.captureWarnings(False)


def logged(form: str = "json", level: str = "info", stream: io.StringIO | None = None, **extra: Any) -> str:
    stream = stream or io.StringIO()
    logs.configure(level, form, stream)
    logging.getLogger("tasktracker.here").warning("%s happened", "something", extra=extra)
    return stream.getvalue()


def as_json(text: str) -> dict[str, Any]:
    (line,) = text.splitlines()
    fields: dict[str, Any] = json.loads(line)
    return fields


def test_auto_is_json_where_nobody_watches_and_text_on_a_terminal() -> None:
    assert as_json(logged("auto"))["message"] == "something happened"
    assert " warning something happened" in logged("auto", stream=Terminal())


def test_the_form_can_be_chosen_either_way() -> None:
    assert as_json(logged("json", stream=Terminal()))
    assert not logged("text").startswith("{")


def test_a_json_line_has_time_level_logger_and_message() -> None:
    fields = as_json(logged())

    assert list(fields) == ["time", "level", "logger", "message"]
    assert fields["level"] == "warning"
    assert fields["logger"] == "tasktracker.here"
    assert fields["time"][-5] == "."
    assert fields["time"].endswith("Z")


def test_what_was_given_besides_becomes_fields_and_what_is_none_is_left_out() -> None:
    fields = as_json(logged(action="slow_request", request_id="r-1", worker=None, seconds=1.5))

    assert fields["action"] == "slow_request"
    assert fields["request_id"] == "r-1"
    assert fields["seconds"] == 1.5
    assert "worker" not in fields


def test_text_shows_the_fields_behind_the_message() -> None:
    assert logged("text", request_id="r-1").endswith("something happened request_id=r-1\n")


@pytest.mark.parametrize("form", ["json", "text"])
def test_a_traceback_is_told(form: str) -> None:
    stream = io.StringIO()
    logs.configure("info", form, stream)

    try:
        raise ValueError("odd")
    except ValueError:
        logging.getLogger().exception("failed")

    told = as_json(stream.getvalue())["exception"] if form == "json" else stream.getvalue()
    assert "Traceback" in told
    assert "ValueError: odd" in told


@pytest.mark.parametrize(
    "odd", ["\ud800", object(), {1: {2}}, float("nan"), b"\xff", "a\nb"], ids=lambda odd: type(odd).__name__
)
def test_a_line_is_never_lost_because_a_field_of_it_is_no_json(odd: object) -> None:
    assert as_json(logged(value=odd))["message"] in ("something happened", "'something happened'")


def test_what_is_below_the_level_is_not_told() -> None:
    assert logged(level="error") == ""


def test_warnings_of_python_are_told_as_lines_too() -> None:
    stream = io.StringIO()
    logs.configure("info", "json", stream)

    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logs.configure("info", "json", stream)
        warnings.warn("old ways", DeprecationWarning, stacklevel=1)

    assert "old ways" in as_json(stream.getvalue())["message"]
