"""Where the parts of a JSON text begin and end, found a step at a time.

A decoder reads a text whole, in one turn of the event loop, and what is wrong with one part is wrong with
all of it. What is cut here can be decoded part by part. Every generator yields ``None`` after each little
piece of its work, for its caller to let others have their turn.

Only brackets, strings and separators are looked at: whoever decodes the parts finds what is wrong in them.
"""

import re
import sys
from collections.abc import Generator
from itertools import accumulate, islice
from typing import Final, NamedTuple, TypeAlias

LARGE: Final = 1024 * 1024
"""A longer text is better not decoded in one go."""
_WINDOW: Final = 32 * 1024
"""Bytes that one step looks at, but for a longer string."""
# Only single characters are repeated possessively: Python before 3.11.5 gets groups wrong (gh-106052).
_TEXT: Final = rb'"[^"\\]*+(?:\\.[^"\\]*+)*"'
_PAIR: Final = rb"[\[{][^\"\[\]{}]*+[\]}]"
_NEST: Final = rb'[\[{](?:[^"\[\]{}]++|' + _TEXT + rb"|" + _PAIR + rb")*[\]}]"

_STRING: Final = re.compile(_TEXT, re.DOTALL)
_NEXT: Final = re.compile(
    rb'(?:[^"\[\]{}]++|' + _TEXT + rb"|" + _PAIR + rb"|" + _NEST + rb")*([\[\]{}]?)", re.DOTALL
)
"""As far as brackets match by themselves, and the next one that does not; those are counted."""
_BRACKET: Final = re.compile(rb'(?:[^"\[\]{}]++|' + _TEXT + rb")*[\[\]{}]", re.DOTALL)
_FEW: Final = 64
"""Brackets that are counted one by one."""
_NOT_BRACKETS: Final = bytes(code for code in range(256) if code not in b"[]{}")
_STEP: Final = {ord("["): 1, ord("{"): 1, ord("]"): -1, ord("}"): -1}
_DEEPER: Final = {b"[": 1, b"{": 1, b"]": -1, b"}": -1}
_NO_STRING: Final = re.compile(rb'(?:[^"]++|' + _TEXT + rb")*", re.DOTALL)
_NUMBER_REST: Final = re.compile(rb"[0-9.eE+-]*+")
_SCALAR: Final = re.compile(rb'[^\s,:"\[\]{}]++')
_SPACE: Final = re.compile(rb"[ \t\r\n]*+")


class NotJson(Exception):
    """The text is not JSON from this byte on."""

    def __init__(self, text: bytes, at: int) -> None:
        super().__init__("input data was truncated" if at >= len(text) else f"invalid character (byte {at})")


class Span(NamedTuple):
    """A value's place in a text."""

    start: int
    end: int


Elements: TypeAlias = Generator[Span | None, None, int]


def pieces(text: bytes) -> Generator[bytes, None, None]:
    """The text of a JSON value in pieces that cut no string and no number."""
    at = 0
    while at < len(text):
        end = _reach(_NO_STRING, text, at, at + _WINDOW)
        end = _past_string(text, at) if end == at else _reach(_NUMBER_REST, text, end)
        yield text[at:end]
        at = end


def depths(piece: bytes, depth: int) -> list[int]:
    """How deep a piece that cuts no string is nested: at first, and after each of its brackets."""
    brackets = _STRING.sub(b"", piece).translate(None, _NOT_BRACKETS)
    return list(accumulate(map(_STEP.__getitem__, brackets), initial=depth))


def elements(text: bytes, at: int = 0) -> Elements:
    """The elements of the array that begins at ``at``; returns where it ends.

    Raises:
        NotJson
    """
    at = _past_space(text, at + 1)
    if text[at : at + 1] == b"]":
        return at + 1
    while True:
        end = yield from end_of(text, at)
        yield Span(at, end)
        at = _past_space(text, end)
        if text[at : at + 1] == b"]":
            return at + 1
        at = _past_space(text, _past(b",", text, at))


class Members:
    """Goes through the members of the object that begins at ``at``, which is moved past each value found."""

    def __init__(self, text: bytes, at: int = 0) -> None:
        self._text = text
        self._is_first = True
        self.at = at + 1
        """Where the value begins whose name was read; to be set to where it ends (see :func:`end_of`)."""

    def name(self) -> bytes | None:
        """The next name as it is spelled; None at the object's end, ``at`` is then behind it.

        Raises:
            NotJson
        """
        text, at = self._text, _past_space(self._text, self.at)
        if text[at : at + 1] == b"}":
            self.at = at + 1
            return None
        if not self._is_first:
            at = _past_space(text, _past(b",", text, at))
        self._is_first = False
        end = _past_string(text, at)
        self.at = _past_space(text, _past(b":", text, _past_space(text, end)))
        return text[at:end]


def values(text: bytes, at: int = 0) -> Elements:
    """The values of the object that begins at ``at``; returns where it ends.

    Raises:
        NotJson
    """
    members = Members(text, at)
    while members.name() is not None:
        start = members.at
        members.at = yield from end_of(text, start)
        yield Span(start, members.at)
    return members.at


def begin(text: bytes) -> int:
    """Where the first value of a text begins."""
    return _past_space(text, 0)


def check_end(text: bytes, at: int) -> None:
    """Nothing but white space may follow.

    Raises:
        NotJson
    """
    if (end := _past_space(text, at)) < len(text):
        raise NotJson(text, end)


def end_of(text: bytes, at: int) -> Generator[None, None, int]:
    """Where the value that begins at ``at`` ends.

    Raises:
        NotJson
    """
    first = text[at : at + 1]
    if first == b'"':
        return _past_string(text, at)
    if first not in (b"[", b"{"):
        scalar = _SCALAR.match(text, at)
        if scalar is None:
            raise NotJson(text, at)
        return scalar.end()
    at, depth = at + 1, 1
    while depth:
        yield None
        at, depth = _count(text, at, depth)
        mark = text[at : at + 1]
        if depth and mark == b'"':
            at = _past_string(text, at)
        elif depth and not mark:
            raise NotJson(text, at)
    return at


def _count(text: bytes, at: int, depth: int) -> tuple[int, int]:
    """Go on within a value: to its end, to a string that leaves the window, or to the window's end."""
    end = at + _WINDOW
    for steps, found in enumerate(_NEXT.finditer(text, at, end)):
        at = found.end()
        bracket = found[1]
        if not bracket:
            break
        depth += _DEEPER[bracket]
        if not depth:
            break
        if steps == _FEW:
            at, depth = _skip(text, at, end, depth)
            break
    return at, depth


def _skip(text: bytes, at: int, end: int, depth: int) -> tuple[int, int]:
    """Pass over many brackets at once, where the value does not end among them."""
    piece_end = _reach(_NO_STRING, text, at, end)
    after_each = depths(text[at:piece_end], depth)
    if min(after_each) > 0:
        return piece_end, after_each[-1]
    last = next(islice(_BRACKET.finditer(text, at, piece_end), after_each.index(0) - 1, None))
    return last.end(), 0


def _past_string(text: bytes, at: int) -> int:
    found = _STRING.match(text, at)
    if found is None:
        raise NotJson(text, len(text) if text[at : at + 1] == b'"' else at)
    return found.end()


def _past(mark: bytes, text: bytes, at: int) -> int:
    if text[at : at + 1] != mark:
        raise NotJson(text, at)
    return at + 1


def _past_space(text: bytes, at: int) -> int:
    return _reach(_SPACE, text, at)


def _reach(pattern: re.Pattern[bytes], text: bytes, at: int, end: int = sys.maxsize) -> int:
    found = pattern.match(text, at, end)
    return at if found is None else found.end()
