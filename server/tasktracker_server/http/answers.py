"""Answers as bytes: bodies, and the headers every answer carries.

The usual answer goes out as one piece of bytes made here, head and body together; ``headers`` gives the
same head to Tornado for the answers it frames itself (HEAD, HTTP/1.0, connections about to close).
"""

import time
from collections.abc import Awaitable, Callable
from email.utils import formatdate
from http import HTTPStatus
from typing import Final

import msgspec
from msgspec import UNSET, Struct
from tornado.httputil import HTTPHeaders

from tasktracker_schema.answers import Answer, ErrorBody
from tasktracker_schema.errors import ErrorCode
from tasktracker_server.core.errors import TrackerError
from tasktracker_server.http.routing import MethodNotAllowed

JSON: Final = "application/json"
HTML: Final = "text/html; charset=utf-8"

_encode: Final = msgspec.json.Encoder().encode

PHRASES: Final = {status.value: status.phrase for status in HTTPStatus} | {413: "Content Too Large"}
"""Python's own phrase for 413 depends on its version."""
_START: Final = {
    status: f"HTTP/1.1 {status} {phrase}\r\nContent-Type: ".encode() for status, phrase in PHRASES.items()
}
_START_204: Final = b"HTTP/1.1 204 No Content"
_RETRY_SECONDS: Final = 1
_TRY_LATER: Final = frozenset({429, 503})


class Reply(Struct, frozen=True, gc=False):
    """One whole answer."""

    status: int
    body: bytes
    headers: tuple[tuple[str, str], ...] = ()
    media: str = JSON
    undelivered: Callable[[], Awaitable[None]] | None = None
    """Undoes what was done for a caller who turns out to be gone."""


def answered(answer: Answer | None, status: int = 200, headers: tuple[tuple[str, str], ...] = ()) -> Reply:
    """A successful answer; None is the JSON text ``null``."""
    return Reply(status, _encode(answer), headers)


def refused(error: TrackerError, request_id: str) -> Reply:
    """The one shape of every error."""
    status = error.code.http_status
    body = ErrorBody(
        status_code=status,
        error=PHRASES[status],
        code=error.code,
        message=error.message,
        request_id=request_id,
        details=UNSET if error.details is None else error.details,
    )
    headers: tuple[tuple[str, str], ...] = ()
    if status in _TRY_LATER:
        headers = (("Retry-After", str(error.retry_after or _RETRY_SECONDS)),)
    elif isinstance(error, MethodNotAllowed):
        headers = (("Allow", error.allow),)
    return Reply(status, _encode(body), headers)


def broken(request_id: str) -> Reply:
    """The answer to a failure of our own; what failed stands in the log under this request id."""
    body = ErrorBody(
        status_code=500,
        error=PHRASES[500],
        code=ErrorCode.INTERNAL_ERROR,
        message=f"The service failed; its log tells why under request id {request_id}.",
        request_id=request_id,
    )
    return Reply(500, _encode(body))


def empty(*headers: tuple[str, str]) -> Reply:
    """204."""
    return Reply(204, b"", headers)


class _Date:
    """The ``Date`` header, formatted once a second: formatting costs more than all else in a head."""

    __slots__ = ("_bytes", "_second", "_text")

    def __init__(self) -> None:
        self._second = -1
        self._text = ""
        self._bytes = b""

    def text(self) -> str:
        self._renew()
        return self._text

    def line(self) -> bytes:
        self._renew()
        return self._bytes

    def _renew(self) -> None:
        second = int(time.time())
        if second != self._second:
            self._second = second
            self._text = formatdate(second, usegmt=True)
            self._bytes = f"\r\nCache-Control: no-store\r\nDate: {self._text}\r\nX-Request-Id: ".encode()


_date: Final = _Date()


def rendered(reply: Reply, request_id: str) -> bytes:
    """Head and body as they go over a connection that stays open."""
    extra = b""
    if reply.headers:
        extra = "".join([f"{name}: {value}\r\n" for name, value in reply.headers]).encode("latin-1")
    if reply.status == 204:
        return b"%b%b%b\r\n%b\r\n" % (_START_204, _date.line(), request_id.encode(), extra)
    return b"%b%b%b%b\r\n%bContent-Length: %d\r\n\r\n%b" % (
        _START[reply.status],
        reply.media.encode(),
        _date.line(),
        request_id.encode(),
        extra,
        len(reply.body),
        reply.body,
    )


def headers(reply: Reply, request_id: str) -> HTTPHeaders:
    """The headers of an answer."""
    found = HTTPHeaders()
    found["Cache-Control"] = "no-store"
    found["Date"] = _date.text()
    found["X-Request-Id"] = request_id
    if reply.status != 204:
        found["Content-Type"] = reply.media
        found["Content-Length"] = str(len(reply.body))
    for name, value in reply.headers:
        found[name] = value
    return found


def stream_headers(request_id: str) -> HTTPHeaders:
    """The headers of an event stream; proxies are asked to pass each frame on at once."""
    found = HTTPHeaders()
    found["Content-Type"] = "text/event-stream"
    found["Cache-Control"] = "no-cache, no-transform"
    found["X-Accel-Buffering"] = "no"
    found["Date"] = _date.text()
    found["X-Request-Id"] = request_id
    return found
