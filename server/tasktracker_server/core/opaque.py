"""The door for JSON that the service carries but does not read.

What passes here can be stored: PostgreSQL's ``jsonb`` takes it, and so does every JSON reader that holds
numbers as doubles. Nearly every value is harmless and is told so by a few scans at the speed of memory;
only what looks suspicious is read closely, and a piece at a time: what is called ``…_in_steps`` yields
after each little piece of its work, for its caller to let others have their turn.
"""

import math
import re
from typing import Annotated, Final, NoReturn

import msgspec
from msgspec import Meta, Raw, Struct

from tasktracker_schema import limits
from tasktracker_server.core import spans
from tasktracker_server.core.errors import InvalidRequest, TooLarge
from tasktracker_server.core.steps import Steps, done

_SCALE_MAX: Final = 16_383
"""Digits after the point that PostgreSQL's numeric keeps."""
_LONG: Final = 200
"""A run of fewer digits with an exponent of at most two is finite and short, whatever stands around it."""

_syntax: Final = msgspec.json.Decoder(Raw)
_object: Final = msgspec.json.Decoder(dict[str, Raw])
_array: Final = msgspec.json.Decoder(list[Raw])
_own_number: Final = msgspec.json.Decoder(Annotated[int, Meta(ge=1)] | None)
_EXACT_MAX: Final = 2**53 - 1
"""What a script in Redis counts exactly. A larger own number is never the next one, nor is this."""

_ODD_ESCAPE: Final = re.compile(rb"\\u(?:0000|[dD][89a-fA-F])")
_ESCAPE: Final = re.compile(
    rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"
    rb"|u(0000|[dD][89a-fA-F][0-9a-fA-F]{2})|.)",
    re.DOTALL,
)
"""One escape, or a pair of surrogates; the group holds what cannot be stored."""
_SOUND: Final = re.compile(
    rb"(?:[^\\]++|\\[^u]|\\u(?!0000|[dD][89a-fA-F])[0-9a-fA-F]{4}"
    rb"|\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2})*"
)
"""As far as there is nothing but escapes that can be stored."""
_WINDOW: Final = 512 * 1024
_SPACED: Final = 4
"""So many times its limit an entry may have while white space is still in it."""
_SHAPE: Final = bytes.maketrans(b"123456789E", b"000000000e")
_LONG_RUN: Final = b"0" * _LONG
_BIG_EXPONENT: Final = re.compile(rb"(?:^|[:,\[\s])-?[0-9][0-9.]*[eE][+-]?[0-9]{3}")
_STRING: Final = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*"', re.DOTALL)
_NUMBER: Final = re.compile(rb"(-?[0-9]+(?:\.([0-9]+))?(?:[eE]([+-]?[0-9]+))?)")


class Entry(Struct, frozen=True, gc=False):
    """One progress entry as its caller sent it."""

    own_seq_id: int | None
    """The number its caller gave it."""
    data: bytes
    """A JSON object without ``seqId`` and without line breaks; a first member can be put in after ``{``."""


def check(raw: bytes, field: str) -> None:
    """Refuse what could not be stored; ``field`` is how the message calls it."""
    done(check_in_steps(raw, field))


def check_in_steps(raw: bytes, field: str) -> Steps[None]:
    """The same, a step at a time."""
    try:
        _syntax.decode(raw)
        if not raw.isascii():
            raw.decode()
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        _refuse_malformed(raw, field, error)
    if b"\\u" in raw and _ODD_ESCAPE.search(raw) is not None:
        yield from _check_escapes(raw, field)
    shape = raw.translate(_SHAPE, b"+-")
    if _LONG_RUN in shape or (b"0e000" in shape and _BIG_EXPONENT.search(raw) is not None):
        yield from _check_numbers(raw, field)
    if raw.count(b"[") + raw.count(b"{") > limits.JSON_DEPTH:
        yield from _check_depth(raw, field)


def object_or_none(raw: Raw, field: str) -> Steps[bytes | None]:
    """The checked bytes of an object; None where nothing, or ``null``, was sent."""
    value = bytes(raw)
    if not value or value == b"null":
        return None
    if not value.startswith(b"{"):
        raise InvalidRequest(f"`{field}` must be an object, not {kind_of(value)}.")
    yield from check_in_steps(value, field)
    return value


def json_or_none(raw: Raw, field: str) -> Steps[bytes | None]:
    """The checked bytes of any JSON; None where nothing, or ``null``, was sent."""
    value = bytes(raw)
    if not value or value == b"null":
        return None
    yield from check_in_steps(value, field)
    return value


def entries(raw: Raw, entry_limit: int = limits.PROGRESS_ENTRY_BYTES) -> list[Entry]:
    """The entries of a progress call: one object, or an array of them; each within ``entry_limit`` bytes."""
    return done(entries_in_steps(raw, entry_limit))


def entries_in_steps(
    given: Raw | list[Raw], entry_limit: int = limits.PROGRESS_ENTRY_BYTES
) -> Steps[list[Entry]]:
    """The same, a step at a time; an array may be given cut into its elements."""
    if isinstance(given, list):
        return (yield from _entries(given, entry_limit))
    value = bytes(given)
    if value.startswith(b"{"):
        return [(yield from _entry(value, "$.progress", entry_limit))]
    if not value or value == b"null":
        raise InvalidRequest("`$.progress` is missing; send an object, or an array of objects.")
    if not value.startswith(b"["):
        raise InvalidRequest(f"`$.progress` must be an object or an array of objects, not {kind_of(value)}.")
    try:
        elements = _array.decode(value)
    except (msgspec.DecodeError, RecursionError) as error:
        _refuse_malformed(value, "$.progress", error)
    return (yield from _entries(elements, entry_limit))


def _entries(elements: list[Raw], entry_limit: int) -> Steps[list[Entry]]:
    if not 1 <= len(elements) <= limits.PROGRESS_ENTRIES_MAX:
        raise InvalidRequest(
            f"`$.progress` must hold 1 to {limits.PROGRESS_ENTRIES_MAX:,} objects, not {len(elements):,}."
        )
    found: list[Entry] = []
    for at, one in enumerate(elements):
        found.append((yield from _element(bytes(one), f"$.progress[{at}]", entry_limit)))
        yield
    _check_own_numbers(found)
    return found


def kind_of(value: bytes) -> str:
    """What a JSON value is, in words, told by its first byte."""
    return _KINDS.get(value[:1], "a number")


_KINDS: Final = {
    b"{": "an object",
    b"[": "an array",
    b'"': "a string",
    b"t": "a boolean",
    b"f": "a boolean",
    b"n": "null",
}


def escape_problem(text: bytes) -> Steps[str | None]:
    """What is wrong with the escapes of JSON strings, or None."""
    at = yield from unsound_escape(text)
    if at is None:
        return None
    half = text[at + 2 : at + 6].decode()
    if half == "0000":
        return r"holds the character \u0000, which cannot be stored; leave it out"
    return rf"holds \u{half}, half of a surrogate pair; send both halves or the character itself"


def unsound_escape(text: bytes) -> Steps[int | None]:
    """Where the first escape stands that cannot be stored."""
    at = 0
    while at < len(text):
        at = _SOUND.match(text, at, at + _WINDOW).end()  # type: ignore[union-attr]  # it may be empty
        yield
        if text[at : at + 1] == b"\\":
            # One that cannot be stored, or that the window cuts.
            whole = _ESCAPE.match(text, at)
            if whole is not None and whole[1] is not None:
                return at
            at = len(text) if whole is None else whole.end()
    return None


def _element(value: bytes, field: str, limit: int) -> Steps[Entry]:
    if not value.startswith(b"{"):
        raise InvalidRequest(f"`{field}` must be an object, not {kind_of(value)}.")
    return (yield from _entry(value, field, limit))


def _entry(value: bytes, field: str, limit: int) -> Steps[Entry]:
    if len(value) > _SPACED * limit:
        raise _too_large(len(value), field, limit)
    yield from check_in_steps(value, field)
    own = None
    # A key can be spelled with escapes too.
    if b"seqId" in value or b"\\u" in value:
        members = _object.decode(value)
        if "seqId" in members:
            own = _own_seq_id(members.pop("seqId"), f"{field}.seqId")
            value = msgspec.json.encode(members)
    if value[1] in b" \t\r\n" or b"\n" in value or b"\r" in value:
        value = msgspec.json.format(value, indent=-1)
    if len(value) > limit:
        raise _too_large(len(value), field, limit)
    return Entry(own, value)


def _too_large(size: int, field: str, limit: int) -> TooLarge:
    return TooLarge(
        f"`{field}` has {size:,} bytes; one entry may have {limit:,}."
        " Put large data elsewhere and report where."
    )


def _own_seq_id(raw: Raw, field: str) -> int | None:
    try:
        number: int | None = _own_number.decode(raw)
    except msgspec.DecodeError as error:
        raise InvalidRequest(
            f"`{field}` must be a positive whole number; leave it out to get the next."
        ) from error
    return None if number is None else min(number, _EXACT_MAX)


def _check_own_numbers(found: list[Entry]) -> None:
    first = found[0].own_seq_id
    for at, entry in enumerate(found):
        if (entry.own_seq_id is None) != (first is None):
            raise InvalidRequest(
                f"`$.progress[{at}].seqId`: either all entries carry their own seqId or none does."
            )
        if first is not None and entry.own_seq_id != first + at:
            raise InvalidRequest(
                f"`$.progress[{at}].seqId` must be {first + at}: the entries of a call are consecutive."
            )


def _check_escapes(raw: bytes, field: str) -> Steps[None]:
    problem = yield from escape_problem(raw)
    if problem is not None:
        raise InvalidRequest(f"`{field}` {problem}.")


def _check_numbers(raw: bytes, field: str) -> Steps[None]:
    for piece in spans.pieces(raw):
        for literal, fraction, power in set(_NUMBER.findall(_STRING.sub(b'""', piece))):
            _check_number(literal, fraction, power, field)
        yield


def _check_number(literal: bytes, fraction: bytes, power: bytes, field: str) -> None:
    if len(literal) < _LONG and not power:
        return
    if len(literal) > limits.NUMBER_LENGTH:
        raise InvalidRequest(
            f"`{field}` holds a number of {len(literal):,} characters; it may have {limits.NUMBER_LENGTH:,}."
        )
    if math.isinf(float(literal)):
        raise InvalidRequest(f"`{field}` holds the number {_short(literal)}, beyond 1.8e308.")
    exponent = int(power or 0)
    if exponent > _SCALE_MAX or len(fraction) - exponent > _SCALE_MAX:
        raise InvalidRequest(
            f"`{field}` holds the number {_short(literal)}, too fine to store:"
            f" it may have {_SCALE_MAX:,} digits after the point."
        )


def _check_depth(raw: bytes, field: str) -> Steps[None]:
    depth = 0
    for piece in spans.pieces(raw):
        depths = spans.depths(piece, depth)
        if max(depths) > limits.JSON_DEPTH:
            _refuse_depth(field)
        depth = depths[-1]
        yield


def _refuse_malformed(raw: bytes, field: str, error: Exception) -> NoReturn:
    if isinstance(error, RecursionError):
        _refuse_depth(field)
    problem = done(escape_problem(raw)) or "is not JSON in UTF-8"
    raise InvalidRequest(f"`{field}` {problem}.") from error


def _refuse_depth(field: str) -> NoReturn:
    raise InvalidRequest(f"`{field}` is nested deeper than {limits.JSON_DEPTH} levels.")


def _short(literal: bytes) -> str:
    text = literal.decode()
    return text if len(text) <= 40 else f"{text[:40]}…"
