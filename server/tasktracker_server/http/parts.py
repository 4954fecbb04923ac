"""Bodies cut into parts: what can't be decoded in one go, or must not be spoilt as a whole by one part."""

import json
from typing import Final, NamedTuple

import msgspec
from msgspec import Raw

from tasktracker_schema import limits
from tasktracker_server.core import spans
from tasktracker_server.core.errors import InvalidJson, InvalidRequest
from tasktracker_server.core.opaque import unsound_escape
from tasktracker_server.core.spans import Elements, NotJson, Span
from tasktracker_server.core.steps import Steps

_ELEMENTS_MAX: Final = max(limits.BULK_ITEMS_MAX, limits.PROGRESS_ENTRIES_MAX)
_SMALL: Final = 64 * 1024
_LEVELS: Final = 2
"""So deep a large value is cut; what is below is decoded as it is."""
_LOOKS: Final = 5_000
"""Parts that are looked at to tell a place."""

_syntax: Final = msgspec.json.Decoder(Raw).decode


class Parts(NamedTuple):
    """A body without its array, and the elements of that."""

    rest: bytes
    """Has as many zeros in the array's place."""
    elements: list[Raw] | None
    """None where there is no array: then the rest is the whole body."""


def parts_of(body: bytes, array: str, known: frozenset[str]) -> Steps[Parts]:
    """Cut a body's ``array`` out of it. Of a large member that is not ``known`` a null is left.

    An element may hold text that can't be stored, or be nested too deep.

    Raises:
        InvalidJson: the body is none, be it within an element.
        InvalidRequest: there are too many elements.
    """
    try:
        return (yield from _cut(body, array, known))
    except NotJson as error:
        raise invalid_json(str(error)) from error


def _cut(body: bytes, array: str, known: frozenset[str]) -> Steps[Parts]:
    rest: list[bytes] = []
    found: list[Span] | None = None
    kept = 0
    at = spans.begin(body)
    if body[at : at + 1] != b"{":
        return Parts(body, None)
    reading = spans.Members(body, at)
    while (name := reading.name()) is not None:
        start = reading.at
        given: object = json.loads(name)
        if given == array and body[start : start + 1] == b"[":
            found = []
            reading.at = yield from _collect(spans.elements(body, start), found, array)
            left = b"[%b]" % b",".join([b"0"] * len(found))
        else:
            reading.at = yield from spans.end_of(body, start)
            if given in known or reading.at - start <= _SMALL:
                continue
            yield from _check(body, Span(start, reading.at), _LEVELS)
            left = b"null"
        rest += (body[kept:start], left)
        kept = reading.at
    spans.check_end(body, reading.at)
    rest.append(body[kept:])
    return (yield from _parted(body, rest, found))


def _parted(body: bytes, rest: list[bytes], found: list[Span] | None) -> Steps[Parts]:
    if found is None:
        return Parts(b"".join(rest), None)
    for span in found:
        yield from _check(body, span, _LEVELS)
    elements = [Raw(body[span.start : span.end]) for span in found]
    return Parts(b"".join(rest), elements)


def _collect(reading: Elements, found: list[Span], array: str) -> Steps[int]:
    while True:
        try:
            span = next(reading)
        except StopIteration as end:
            place: int = end.value
            return place
        if span is None:
            yield
        elif len(found) == _ELEMENTS_MAX:
            raise InvalidRequest(f"`$.{array}` must have at most {_ELEMENTS_MAX:,} elements.")
        else:
            found.append(span)


def _check(body: bytes, span: Span, levels: int) -> Steps[None]:
    """Refuse what is not JSON, a little at a time."""
    first = body[span.start : span.start + 1]
    if span.end - span.start <= spans.LARGE or not levels or first not in (b"[", b"{"):
        yield from _check_whole(body[span.start : span.end], span.start)
        return
    inner = (spans.elements if first == b"[" else spans.values)(body, span.start)
    for one in inner:
        if one is None:
            yield
        else:
            yield from _check(body, one, levels - 1)


def _check_whole(text: bytes, start: int) -> Steps[None]:
    try:
        _syntax(text)
    except RecursionError:
        return
    except msgspec.DecodeError as error:
        if (yield from unsound_escape(text)) is None:
            said, byte, number = str(error).removeprefix("JSON is malformed: ").partition(" (byte ")
            place = f"{byte}{start + int(number.rstrip(')'))})" if byte else ""
            raise invalid_json(f"{said[:1].lower()}{said[1:]}{place}") from error
    yield


def invalid_json(words: str) -> InvalidJson:
    """The refusal of a body that is none, for this reason."""
    return InvalidJson(f"The body is not JSON: {words}.")


def path_to(body: bytes, offset: int) -> Steps[str]:
    """The path of what stands there, as ``$.params.x[0]``; less exact where that takes long to find."""
    path, at = "$", 0
    looks = 0
    try:
        at = spans.begin(body)
        while (step := (yield from _step_to(body, at, offset))) is not None and looks < _LOOKS:
            name, at, looked = step
            path += name
            looks += looked
    except NotJson:
        pass
    return path


def _step_to(body: bytes, at: int, offset: int) -> Steps[tuple[str, int, int] | None]:
    """The part of an object or array in which something stands: its name, its place, parts looked at."""
    first = body[at : at + 1]
    if first == b"{":
        members = spans.Members(body, at)
        for looked in range(_LOOKS):
            name = members.name()
            if name is None or members.at > offset:
                return None
            start = members.at
            members.at = yield from spans.end_of(body, start)
            if offset < members.at:
                return f".{json.loads(name)}", start, looked
    elif first == b"[":
        looked = 0
        for span in spans.elements(body, at):
            if span is None:
                yield
            elif span.start > offset or looked == _LOOKS:
                return None
            elif offset < span.end:
                return f"[{looked}]", span.start, looked
            else:
                looked += 1
    return None
