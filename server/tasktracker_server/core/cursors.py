"""Cursors: where the next page of a list begins, in a text that only fits the filters it was made for.

Callers pass it on and read nothing out of it. It holds no secret and needs none: whoever makes one up
gets a place in a list that they may read anyway.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error
from hashlib import blake2b
from struct import Struct
from typing import Final

from tasktracker_server.core.errors import InvalidCursor
from tasktracker_server.core.lists import Place

_PLACE: Final = Struct(">qq")
_DIGEST_BYTES: Final = 8
_FARTHEST: Final = 253_402_300_800_000
"""The year 10000, in milliseconds since 1970: no time that PostgreSQL could not hold."""
_LENGTH: Final = (_PLACE.size + _DIGEST_BYTES) * 4 // 3
"""No padding and no spare bits: each cursor has one spelling."""


def write(place: Place, filters: bytes) -> str:
    """The cursor of this place, for these filters."""
    packed = _PLACE.pack(*place)
    return urlsafe_b64encode(packed + _digest(packed, filters)).decode()


def read(cursor: str, filters: bytes) -> Place:
    """The place of a cursor.

    Raises:
        InvalidCursor: it was not made for these filters, or by nobody here.
    """
    if len(cursor) != _LENGTH or not cursor.isascii():
        raise InvalidCursor
    try:
        raw = urlsafe_b64decode(cursor)
    except Error:
        raise InvalidCursor from None
    packed = raw[: _PLACE.size]
    if len(raw) != _PLACE.size + _DIGEST_BYTES or raw[_PLACE.size :] != _digest(packed, filters):
        raise InvalidCursor
    place = Place._make(_PLACE.unpack(packed))
    if abs(place.place) > _FARTHEST:
        raise InvalidCursor
    return place


def _digest(packed: bytes, filters: bytes) -> bytes:
    return blake2b(packed + filters, digest_size=_DIGEST_BYTES, person=b"list cursor").digest()
