"""The door for JSON that the service carries but does not read.

What passes here can be stored: PostgreSQL's ``jsonb`` takes it, and so does every JSON reader that holds
numbers as doubles. Nearly every value is harmless and is told so by a few scans at the speed of memory;
only what looks suspicious is read closely.
"""

import math
import re
from itertools import accumulate
from typing import Annotated, Final, NoReturn

import msgspec
from msgspec import Meta, Raw, Struct

from tasktracker_schema import limits
from tasktracker_server.core.errors import InvalidRequest, TooLarge

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
_SPACED: Final = 4
"""So many times its limit an entry may have while white space is still in it."""
_SHAPE: Final = bytes.maketrans(b"123456789E", b"000000000e")
_LONG_RUN: Final = b"0" * _LONG
_BIG_EXPONENT: Final = re.compile(rb"(?:^|[:,\[\s])-?[0-9][0-9.]*[eE][+-]?[0-9]{3}")
_STRING: Final = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"', re.DOTALL)
_NUMBER: Final = re.compile(rb"(-?[0-9]+(?:\.([0-9]+))?(?:[eE]([+-]?[0-9]+))?)")
_NOT_BRACKETS: Final = bytes(code for code in range(256) if code not in b"[]{}")
_STEP: Final = {ord("["): 1, ord("{"): 1, ord("]"): -1, ord("}"): -1}


class Entry(Struct, frozen=True, gc=False):
    """One progress entry as its caller sent it."""

    own_seq_id: int | None
    """The number its caller gave it."""
    data: bytes
    """A JSON object without ``seqId`` and without line breaks; a first member can be put in after ``{``."""


def check(raw: bytes, field: str) -> None:
    """Refuse what could not be stored; ``field`` is how the message calls it."""
    try:
        _syntax.decode(raw)
        if not raw.isascii():
            raw.decode()
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        _refuse_malformed(raw, field, error)
    if b"\\u" in raw and _ODD_ESCAPE.search(raw) is not None:
        _check_escapes(raw, field)
    shape = raw.translate(_SHAPE, b"+-")
    if _LONG_RUN in shape or (b"0e000" in shape and _BIG_EXPONENT.search(raw) is not None):
        _check_numbers(raw, field)
    if raw.count(b"[") + raw.count(b"{") > limits.JSON_DEPTH:
        _check_depth(raw, field)


def object_or_none(raw: Raw, field: str) -> bytes | None:
    """The checked bytes of an object; None where nothing, or ``null``, was sent."""
    value = bytes(raw)
    if not value or value == b"null":
        return None
    if not value.startswith(b"{"):
        raise InvalidRequest(f"`{field}` must be an object, not {kind_of(value)}.")
    check(value, field)
    return value


def json_or_none(raw: Raw, field: str) -> bytes | None:
    """The checked bytes of any JSON; None where nothing, or ``null``, was sent."""
    value = bytes(raw)
    if not value or value == b"null":
        return None
    check(value, field)
    return value


def entries(raw: Raw, entry_limit: int = limits.PROGRESS_ENTRY_BYTES) -> list[Entry]:
    """The entries of a progress call: one object, or an array of them; each within ``entry_limit`` bytes."""
    value = bytes(raw)
    if value.startswith(b"{"):
        return [_entry(value, "$.progress", entry_limit)]
    if not value or value == b"null":
        raise InvalidRequest("`$.progress` is missing; send an object, or an array of objects.")
    if not value.startswith(b"["):
        raise InvalidRequest(f"`$.progress` must be an object or an array of objects, not {kind_of(value)}.")
    found = [_element(one, f"$.progress[{at}]", entry_limit) for at, one in enumerate(_elements(value))]
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


def escape_problem(text: bytes) -> str | None:
    """What is wrong with the escapes of JSON strings, or None."""
    for match in _ESCAPE.finditer(text):
        if match[1] == b"0000":
            return r"holds the character \u0000, which cannot be stored; leave it out"
        if match[1] is not None:
            half = match[1].decode()
            return rf"holds \u{half}, half of a surrogate pair; send both halves or the character itself"
    return None


def _elements(value: bytes) -> list[Raw]:
    try:
        found = _array.decode(value)
    except (msgspec.DecodeError, RecursionError) as error:
        _refuse_malformed(value, "$.progress", error)
    if not 1 <= len(found) <= limits.PROGRESS_ENTRIES_MAX:
        raise InvalidRequest(
            f"`$.progress` must hold 1 to {limits.PROGRESS_ENTRIES_MAX:,} objects, not {len(found):,}."
        )
    return found


def _element(raw: Raw, field: str, limit: int) -> Entry:
    value = bytes(raw)
    if not value.startswith(b"{"):
        raise InvalidRequest(f"`{field}` must be an object, not {kind_of(value)}.")
    return _entry(value, field, limit)


def _entry(value: bytes, field: str, limit: int) -> Entry:
    if len(value) > _SPACED * limit:
        raise _too_large(len(value), field, limit)
    check(value, field)
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


def _check_escapes(raw: bytes, field: str) -> None:
    problem = escape_problem(raw)
    if problem is not None:
        raise InvalidRequest(f"`{field}` {problem}.")


def _check_numbers(raw: bytes, field: str) -> None:
    for literal, fraction, power in set(_NUMBER.findall(_STRING.sub(b'""', raw))):
        if len(literal) < _LONG and not power:
            continue
        if len(literal) > limits.NUMBER_LENGTH:
            raise InvalidRequest(
                f"`{field}` holds a number of {len(literal):,} characters;"
                f" it may have {limits.NUMBER_LENGTH:,}."
            )
        if math.isinf(float(literal)):
            raise InvalidRequest(f"`{field}` holds the number {_short(literal)}, beyond 1.8e308.")
        exponent = int(power or 0)
        if exponent > _SCALE_MAX or len(fraction) - exponent > _SCALE_MAX:
            raise InvalidRequest(
                f"`{field}` holds the number {_short(literal)}, too fine to store:"
                f" it may have {_SCALE_MAX:,} digits after the point."
            )


def _check_depth(raw: bytes, field: str) -> None:
    brackets = _STRING.sub(b"", raw).translate(None, _NOT_BRACKETS)
    if max(accumulate(map(_STEP.__getitem__, brackets)), default=0) > limits.JSON_DEPTH:
        _refuse_depth(field)


def _refuse_malformed(raw: bytes, field: str, error: Exception) -> NoReturn:
    if isinstance(error, RecursionError):
        _refuse_depth(field)
    problem = escape_problem(raw) or "is not JSON in UTF-8"
    raise InvalidRequest(f"`{field}` {problem}.") from error


def _refuse_depth(field: str) -> NoReturn:
    raise InvalidRequest(f"`{field}` is nested deeper than {limits.JSON_DEPTH} levels.")


def _short(literal: bytes) -> str:
    text = literal.decode()
    return text if len(text) <= 40 else f"{text[:40]}…"
