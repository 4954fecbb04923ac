"""The log on stderr: JSON lines for machines, readable lines for a terminal.

Code logs with the standard library; ``extra={"action": …, "request_id": …}`` adds fields, and
whatever else is in ``extra`` becomes a field of its own.
"""

import logging
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, Final, TextIO

import msgspec

_OWN: Final = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
"""What every record has; anything else came by ``extra``."""


def configure(level: str, form: str, stream: TextIO | None = None) -> None:
    """Send everything from ``level`` on to stderr (or ``stream``), as ``json``, ``text`` or by ``auto``."""
    target = sys.stderr if stream is None else stream
    as_text = form == "text" or (form == "auto" and target.isatty())
    handler = logging.StreamHandler(target)
    handler.setFormatter(TextLines() if as_text else JsonLines())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    logging.captureWarnings(True)


class JsonLines(logging.Formatter):
    """One JSON object a line: time, level, logger, message, then the fields given."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        fields: dict[str, Any] = {
            "time": _time(record).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **dict(_extra(record)),
        }
        if record.exc_info:
            fields["exception"] = self.formatException(record.exc_info)
        return _encoded(fields)


class TextLines(logging.Formatter):
    """Time, level, message, and the fields given as ``name=value``; tracebacks below."""

    def format(self, record: logging.LogRecord) -> str:
        """The line, or lines."""
        clock = _time(record).astimezone().strftime("%H:%M:%S.%f")[:-3]
        given = "".join(f" {name}={value}" for name, value in _extra(record))
        line = f"{clock} {record.levelname.lower():7} {record.getMessage()}{given}"
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line


def _time(record: logging.LogRecord) -> datetime:
    return datetime.fromtimestamp(record.created, UTC)


def _extra(record: logging.LogRecord) -> Iterator[tuple[str, Any]]:
    return ((name, value) for name, value in vars(record).items() if name not in _OWN and value is not None)


def _encoded(fields: dict[str, Any]) -> str:
    """JSON; a line is never lost because a field of it is no JSON."""
    try:
        return msgspec.json.encode(fields, enc_hook=repr).decode()
    except (UnicodeEncodeError, TypeError, ValueError, RecursionError):
        plain = {name: ascii(value) for name, value in fields.items()}
        return msgspec.json.encode(plain).decode()
