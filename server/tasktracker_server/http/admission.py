"""What is known of a request by its headers: its id, and whether its body is let in."""

import random
import re
from typing import Final

from tornado.httputil import HTTPHeaders

from tasktracker_schema.errors import ErrorCode
from tasktracker_server.core.errors import TooLarge, TrackerError

_REQUEST_ID: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")
_LENGTH_DIGITS: Final = 15
"""A longer Content-Length is beyond every limit, and beyond what ``int`` should be asked to read."""


class UnsupportedEncoding(TrackerError):
    """The body is compressed."""

    code = ErrorCode.UNSUPPORTED_ENCODING


def request_id(headers: HTTPHeaders) -> str:
    """The caller's own id for this request, or a new one."""
    if "X-Request-Id" in headers:
        given = headers["X-Request-Id"]
        if _REQUEST_ID.fullmatch(given):
            return given
    return f"{random.getrandbits(64):016x}"


def declared_length(headers: HTTPHeaders) -> int:
    """What Content-Length says; 0 where it says nothing, or nothing sensible (Tornado refuses that)."""
    if "Content-Length" not in headers:
        return 0
    text = headers["Content-Length"]
    if not (text.isascii() and text.isdigit()):
        return 0
    return int(text[:_LENGTH_DIGITS])


def admit(headers: HTTPHeaders, length: int, limit: int) -> None:
    """Refuse a body that is compressed or too large."""
    if "Content-Encoding" in headers:
        raise UnsupportedEncoding("Send the body as it is: Content-Encoding is not supported here.")
    admit_size(length, limit)


def admit_size(size: int, limit: int) -> None:
    """Refuse a body that is too large."""
    if size > limit:
        raise too_large(limit)


def expects_invitation(headers: HTTPHeaders) -> bool:
    """Whether the caller waits to be asked for the body."""
    return "Expect" in headers and headers["Expect"].lower() == "100-continue"


def too_large(limit: int) -> TooLarge:
    """The refusal of a body over its limit."""
    return TooLarge(f"The body is over its limit of {limit:,} bytes; send less in one call.")
