"""The answering side of an exchange: puts answers on the connection.

Nearly all answers go out over HTTP/1.1 connections that stay open; those are written as one piece of
bytes made in `answers`. What needs framing (HEAD, HTTP/1.0, connections about to close, streams) is given
to Tornado's ``write_headers``, which measured 11 % dearer for a small answer.
"""

import asyncio
import socket

from tornado.http1connection import HTTP1Connection
from tornado.httputil import HTTPHeaders, ResponseStartLine

from tasktracker_server.http import answers
from tasktracker_server.http.answers import Reply


class Outgoing:
    """Writes one answer."""

    __slots__ = ("_is_head", "_is_modern", "_is_plain", "connection", "request_id")

    def __init__(
        self, connection: HTTP1Connection, method: str, version: str, headers: HTTPHeaders, request_id: str
    ) -> None:
        self.connection = connection
        self.request_id = request_id
        self._is_head = method == "HEAD"
        self._is_modern = version == "HTTP/1.1"
        self._is_plain = (
            self._is_modern
            and not self._is_head
            and ("Connection" not in headers or headers["Connection"].lower() == "keep-alive")
        )

    @property
    def is_closed(self) -> bool:
        """Whether nothing can be written any more."""
        return self.connection.stream.closed()

    def write(self, reply: Reply, *, closes: bool = False) -> None:
        """Put a whole answer on the connection."""
        if self._is_plain and not closes:
            self.connection.write(answers.rendered(reply, self.request_id))
        else:
            self._write_framed(reply, b"" if self._is_head else reply.body, closes=closes)

    def begin(self, reply: Reply, piece: int, *, closes: bool) -> tuple[asyncio.Future[None], memoryview]:
        """Put the first piece of an answer on the connection; what is left of it is returned."""
        if self._is_plain and not closes:
            whole = answers.rendered(reply, self.request_id)
            return self.connection.write(whole[:piece]), memoryview(whole)[piece:]
        body = b"" if self._is_head else reply.body
        return self._write_framed(reply, body[:piece], closes=closes), memoryview(body)[piece:]

    def _write_framed(self, reply: Reply, chunk: bytes, *, closes: bool) -> asyncio.Future[None]:
        headers = answers.headers(reply, self.request_id)
        if closes:
            headers["Connection"] = "close"
        start = ResponseStartLine("HTTP/1.1", reply.status, answers.PHRASES[reply.status])
        return self.connection.write_headers(start, headers, chunk)

    def open_stream(self, first: bytes, *, closes: bool) -> asyncio.Future[None]:
        """Begin an event stream with its first frame."""
        headers = answers.stream_headers(self.request_id)
        if closes or not self._is_modern:
            headers["Connection"] = "close"
        return self.connection.write_headers(ResponseStartLine("HTTP/1.1", 200, "OK"), headers, first)

    def finish(self) -> None:
        """The answer is complete."""
        self.connection.finish()

    def finish_stream(self) -> None:
        """The stream is complete; without chunks only a closed connection says so."""
        self.connection.finish()
        if not self._is_modern:
            self.connection.close()

    def close(self) -> None:
        """Close the connection, whatever is still to be sent."""
        self.connection.close()

    def has_hung_up(self) -> bool:
        """Whether the caller's goodbye has reached this machine, though nobody has read it yet."""
        sock = self.connection.stream.socket
        if self.is_closed or sock is None:
            return True
        try:
            return bool(sock.recv(1, socket.MSG_PEEK) == b"")
        except (BlockingIOError, InterruptedError):
            return False
        except OSError:
            return True
