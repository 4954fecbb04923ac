"""How values are written: indented JSON for people, one line for programs."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, Final
from unicodedata import category

import click
import msgspec

_encode: Final = msgspec.json.Encoder().encode


def is_terminal() -> bool:
    """Whether a person reads what is written to stdout."""
    return sys.stdout.isatty()


class NotWritten(Exception):
    """Standard output takes nothing."""


@contextmanager
def _writing() -> Iterator[None]:
    try:
        yield
    except BrokenPipeError:  # a reader that left is told by a code of its own
        raise
    except OSError as error:
        raise NotWritten(f"the output can't be written: {error.strerror}") from error


def write_line(value: Any) -> None:
    """Write JSON in one line, at once."""
    with _writing():
        sys.stdout.buffer.write(_json(value) + b"\n")
        sys.stdout.buffer.flush()


def write_text(text: str) -> None:
    """Write a line of text."""
    with _writing():
        click.echo(text)


def flush() -> None:
    """Have all of it written."""
    with _writing():
        sys.stdout.flush()


def write_value(value: Any) -> None:
    """Write JSON: indented on a terminal, else in one line."""
    if is_terminal():
        write_text(printable(msgspec.json.format(_json(value), indent=2).decode(), keep="\n"))
    else:
        write_line(value)


def compact(value: Any) -> str:
    """JSON in one line, as a text."""
    return _json(value).decode()


def _json(value: Any) -> bytes:
    return _encode(_as_sent(msgspec.to_builtins(value, builtin_types=(datetime,))))


def _as_sent(value: Any) -> Any:
    """The value with its times as the service writes them."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    if isinstance(value, dict):
        return {name: _as_sent(each) for name, each in value.items()}
    return [_as_sent(each) for each in value] if isinstance(value, list) else value


def printable(text: str, keep: str = "") -> str:
    """The text without what could steer a terminal: others wrote it."""
    return "".join(each if _is_harmless(each) or each in keep else _REPLACED for each in text.expandtabs())


_REPLACED: Final = "\N{REPLACEMENT CHARACTER}"


def _is_harmless(character: str) -> bool:
    return character.isprintable() or category(character) == "Zs"
