"""How long ended tasks are kept: one age for all, others for some types."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

_AGE: Final = re.compile(r"([1-9][0-9]{0,8})([smhdw])")
_SECONDS: Final = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}
_LEAST: Final = 60
_MOST: Final = 100 * 366 * 86_400
_FOREVER: Final = "forever"


@dataclass(frozen=True, slots=True)
class Ages:
    """Seconds after their end when tasks may be deleted; ``None`` is never."""

    default: int | None = None
    by_type: Mapping[str, int | None] = field(default_factory=dict)

    def of(self, task_type: str) -> int | None:
        """The age for this type."""
        return self.by_type.get(task_type, self.default)

    @property
    def any(self) -> bool:
        """Whether anything is ever deleted."""
        return self.default is not None or any(age is not None for age in self.by_type.values())


def parse_age(text: str) -> int | None:
    """Seconds of an age as ``36h`` or ``30d``; ``None`` for ``forever``.

    Raises:
        ValueError: it is none, or out of bounds.
    """
    if text == _FOREVER:
        return None
    match = _AGE.fullmatch(text)
    seconds = int(match[1]) * _SECONDS[match[2]] if match else 0
    if not _LEAST <= seconds <= _MOST:
        raise ValueError(text)
    return seconds


def parse_ages(text: str) -> dict[str, int | None]:
    """Ages by type, as ``video.encode=7d,mail=forever``; the last ``=`` of each counts, a type may hold some.

    Raises:
        ValueError: a part is no age of a type, or a type is named twice.
    """
    found: dict[str, int | None] = {}
    for part in filter(None, map(str.strip, text.split(","))):
        task_type, mark, age = part.rpartition("=")
        task_type = task_type.strip()
        if not mark or not task_type or task_type in found:
            raise ValueError(part)
        found[task_type] = parse_age(age.strip())
    return found
