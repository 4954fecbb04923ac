"""What options and arguments take besides texts and numbers: functions, as ``click`` takes them for types."""

import re
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import click

JSON: Final = "JSON|@FILE|-"
DURATION: Final = "SECONDS|5m|2h|1d"
TIME: Final = "TIME|DURATION"

_UNITS: Final = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86_400}
_DURATION: Final = re.compile(r"([0-9]{1,10})([smhd]?)")


def task_id(text: str) -> str:
    """A task's id, checked before anything is sent."""
    from tasktracker_schema.names import is_task_id

    if not is_task_id(text):
        raise click.BadParameter(f"{text!r} can't be a task's id.")
    return text


def json_object(text: str) -> dict[str, Any]:
    """A JSON object: as it stands, from ``@file``, or from standard input for ``-``."""
    import msgspec

    try:
        return msgspec.json.decode(_source(text), type=dict[str, Any])
    except OSError as error:
        raise click.BadParameter(f"can't read {text[1:]}: {error.strerror}.") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise click.BadParameter(f"a JSON object was expected: {error}.") from None


def _source(text: str) -> bytes:
    if text == "-":
        return sys.stdin.buffer.read()
    if text.startswith("@"):
        return Path(text[1:]).expanduser().read_bytes()
    return text.encode("utf-8", "surrogateescape")


def duration(text: str) -> int:
    """Whole seconds, or a number with ``s``, ``m``, ``h`` or ``d``."""
    seconds = _seconds(text)
    if seconds is None:
        raise click.BadParameter(f"{text!r} is no duration; write 90, 90s, 5m, 2h or 1d.")
    return seconds


def _seconds(text: str) -> int | None:
    found = _DURATION.fullmatch(text)
    return int(found[1]) * _UNITS[found[2]] if found else None


def ago(text: str) -> datetime:
    """A time with its offset (RFC 3339), or so long before now."""
    return _moment(text, -1)


def ahead(text: str) -> datetime:
    """A time with its offset (RFC 3339), or so long after now."""
    return _moment(text, 1)


def _moment(text: str, sign: int) -> datetime:
    seconds = _seconds(text)
    try:
        if seconds is not None:
            return datetime.now(UTC) + sign * timedelta(seconds=seconds)
        moment = datetime.fromisoformat(text)
    except (ValueError, OverflowError):
        said = f"{text!r} is no time; write 2026-01-31T12:00:00Z, or 90s, 5m, 2h, 1d."
        raise click.BadParameter(said) from None
    if moment.tzinfo is None:
        raise click.BadParameter(f"{text!r} has no offset; add Z for UTC, or one like +01:00.")
    return moment
