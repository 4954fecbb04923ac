"""Words for what is wrong with a body or a query.

msgspec says where and what in a fixed form ("Expected `int`, got `str` - at `$.attempt`"); callers are
told the same in a sentence that says what to send.
"""

import re
from typing import Final, NamedTuple

from tasktracker_schema import limits
from tasktracker_schema.names import PRINTABLE_PATTERN, TASK_ID_PATTERN, WITHOUT_NUL_PATTERN

TASK_ID_WORDS: Final = (
    f"must be 1 to {limits.TASK_ID_LENGTH} characters of A-Z a-z 0-9 _ . : @ ~ = -,"
    " the first a letter, a digit or _"
)

_PATTERN_WORDS: Final = {
    repr(TASK_ID_PATTERN): TASK_ID_WORDS,
    repr(PRINTABLE_PATTERN): "must not hold control characters",
    repr(WITHOUT_NUL_PATTERN): r"must not hold the character \u0000, which cannot be stored; leave it out",
}
_WANTED: Final = {
    "str": "a string",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "array": "an array",
    "object": "an object",
    "datetime": "a time",
}
_GOT: Final = {
    "str": "a string",
    "int": "a number",
    "float": "a fraction",
    "bool": "a boolean",
    "array": "an array",
    "object": "an object",
    "null": "null",
}
_UNITS: Final = {"str": "characters", "array": "elements"}

_PLACE: Final = re.compile(r"^(.*) - at `(.+)`$", re.DOTALL)
_MISSING: Final = re.compile(r"^Object missing required field `(.+)`$")
_KIND: Final = re.compile(r"^Expected `([^`]+)`, got `(\w+)`$")
_MATCHING: Final = re.compile(r"^Expected `str` matching regex (.+)$", re.DOTALL)
_LENGTH: Final = re.compile(r"^Expected `(str|array)` of length ([<>]=) (\d+)$")
_BOUND: Final = re.compile(r"^Expected `\w+` ([<>]=) (-?\d+)$")
_EDGE: Final = {"<=": "at most", ">=": "at least"}
_WHOLE: Final = {
    "Expected `datetime` with a timezone component": (
        "must be a time with its offset, as 2026-01-31T12:00:00Z or 2026-01-31T13:00:00+01:00"
    ),
    "Invalid RFC3339 encoded datetime": "must be a time as 2026-01-31T12:00:00Z (RFC 3339)",
    "Integer value out of range": "is a number out of range",
    "Number out of range": "is a number out of range",
}


class Problem(NamedTuple):
    """What is wrong with one field."""

    path: str
    """As ``$.taskTypes[0]``; ``$`` is the whole body."""
    words: str
    got: str = ""
    """What was sent instead, where that says more."""

    def __str__(self) -> str:
        subject = "The body" if self.path == "$" else f"`{self.path}`"
        return f"{subject} {self.words}{f', not {self.got}' if self.got else ''}."


def problem(message: str) -> Problem:
    """Read a validation message of msgspec's, or one of the schema's own."""
    placed = _PLACE.match(message)
    said, path = (placed[1], placed[2]) if placed else (message, "$")
    if missing := _MISSING.match(said):
        return Problem(f"{path}.{missing[1]}", "is missing")
    if kind := _KIND.match(said):
        wanted = kind[1].removesuffix(" | null")
        return Problem(path, f"must be {_WANTED.get(wanted, wanted)}", _GOT.get(kind[2], kind[2]))
    if matching := _MATCHING.match(said):
        return Problem(path, _PATTERN_WORDS.get(matching[1], f"must match {matching[1]}"))
    if length := _LENGTH.match(said):
        count, unit = int(length[3]), _UNITS[length[1]]
        return Problem(path, f"must have {_EDGE[length[2]]} {count:,} {unit[:-1] if count == 1 else unit}")
    if bound := _BOUND.match(said):
        return Problem(path, f"must be {_EDGE[bound[1]]} {int(bound[2]):,}")
    return Problem(path, _WHOLE.get(said, f"is refused: {said}"))
