"""How values are written: indented JSON for people, one line for programs."""

import sys
from typing import Any, Final

import click
import msgspec

_encoder: Final = msgspec.json.Encoder(enc_hook=str)


def is_terminal() -> bool:
    """Whether a person reads what is written to stdout."""
    return sys.stdout.isatty()


def write_line(value: Any) -> None:
    """Write JSON in one line, at once."""
    sys.stdout.buffer.write(_encoder.encode(value) + b"\n")
    sys.stdout.buffer.flush()


def write_value(value: Any) -> None:
    """Write JSON: indented on a terminal, else in one line."""
    if is_terminal():
        click.echo(printable(msgspec.json.format(_encoder.encode(value), indent=2).decode(), keep="\n"))
    else:
        write_line(value)


def compact(value: Any) -> str:
    """JSON in one line, as a text."""
    return _encoder.encode(value).decode()


def printable(text: str, keep: str = "") -> str:
    """The text without what could steer a terminal: others wrote it."""
    text = text.expandtabs()
    return "".join(
        each if each.isprintable() or each in keep else "\N{REPLACEMENT CHARACTER}" for each in text
    )
