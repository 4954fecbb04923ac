"""What a progress entry says of how far a task is. Entries are anybody's: nothing in them is certain."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

_PERCENT: Final = "percent"
_DONE: Final = "done"
_TOTAL: Final = "total"
_MESSAGE: Final = "message"
_STREAM: Final = "stream"
_LINES: Final = "lines"


@dataclass(frozen=True, slots=True)
class Reading:
    """How far, if the entry tells; a line beside the bar; and lines of output to print above it."""

    percent: float | None
    message: str
    lines: tuple[str, ...] = ()
    is_stderr: bool = False


def reading_of(data: Mapping[str, Any]) -> Reading:
    """Read an entry: ``percent``, or ``done`` of ``total``; ``message``, or its other fields as they are."""
    lines = data.get(_LINES)
    if isinstance(lines, list) and _STREAM in data:
        told = tuple(str(line) for line in lines)
        return Reading(None, told[-1] if told else "", told, data[_STREAM] == "stderr")
    percent = _percent(data)
    message = data.get(_MESSAGE)
    if message is None:
        known = {"seqId", _PERCENT} | (
            {_DONE, _TOTAL} if percent is not None and _PERCENT not in data else set()
        )
        message = " ".join(f"{name}={value}" for name, value in data.items() if name not in known)
    return Reading(percent, str(message))


def _percent(data: Mapping[str, Any]) -> float | None:
    percent = _number(data.get(_PERCENT))
    done, total = _number(data.get(_DONE)), _number(data.get(_TOTAL))
    if percent is None and done is not None and total:
        percent = 100 * done / total
    return None if percent is None else min(100.0, max(0.0, percent))


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
