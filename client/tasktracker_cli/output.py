"""How values are written: indented JSON for people, one line for programs."""

import errno
import os
import sys
from datetime import UTC, datetime
from typing import Any, Final, TextIO
from unicodedata import category

import click
import msgspec

_encode: Final = msgspec.json.Encoder().encode


def is_terminal() -> bool:
    """Whether a person reads what is written to stdout."""
    return sys.stdout is not None and sys.stdout.isatty()


def _stdout() -> TextIO:
    if sys.stdout is None:
        raise OSError(errno.EBADF, os.strerror(errno.EBADF))
    return sys.stdout


def write_line(value: Any) -> None:
    """Write JSON in one line, at once."""
    out = _stdout().buffer
    out.write(_json(value) + b"\n")
    out.flush()


def write_text(text: str) -> None:
    """Write a line of text."""
    click.echo(text, _stdout())


def flush() -> None:
    """Have all of it written."""
    if sys.stdout is not None:
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
