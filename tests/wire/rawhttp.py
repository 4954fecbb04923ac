"""One TCP connection on which any bytes can be sent, also what a well-behaved client refuses to send."""

from __future__ import annotations

import socket
import ssl
import struct
import time
from collections.abc import Mapping
from contextlib import suppress
from types import TracebackType
from urllib.parse import urlsplit

import httpx

DEADLINE = 10.0
"""Seconds any single wait may take before the test fails."""

Headers = list[tuple[str, str]]


def _connect(base_url: str) -> socket.socket:
    parts = urlsplit(base_url)
    assert parts.hostname is not None, f"no host in {base_url!r}"
    secure = parts.scheme == "https"
    port = parts.port or (443 if secure else 80)
    plain = socket.create_connection((parts.hostname, port), DEADLINE)
    if not secure:
        return plain
    return ssl.create_default_context().wrap_socket(plain, server_hostname=parts.hostname)


class Connection:
    """Sends bytes as they are and reads answers with deadlines."""

    def __init__(self, base_url: str) -> None:
        parts = urlsplit(base_url)
        self._authority = parts.netloc
        self._prefix = parts.path.rstrip("/")
        self._socket = _connect(base_url)
        self._buffer = bytearray()
        self._chunked = False
        self._left: int | None = None  # bytes left of the chunk or the body; None: until the peer closes

    def __enter__(self) -> Connection:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def port(self) -> int:
        """Our own."""
        port: int = self._socket.getsockname()[1]
        return port

    def close(self) -> None:
        self._socket.close()

    def reset(self) -> None:
        """Close the connection without a goodbye."""
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._socket.close()

    def shut(self) -> None:
        """Say that nothing more will be sent."""
        self._socket.shutdown(socket.SHUT_WR)

    def send(self, data: bytes) -> None:
        """Send as much as the peer takes: it may answer and close before it has read everything."""
        self._socket.settimeout(DEADLINE)
        with suppress(BrokenPipeError, ConnectionResetError):
            self._socket.sendall(data)

    def request(
        self, method: str, target: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> None:
        """Send one request; `target` goes out as it is, nothing is escaped."""
        self.send(self.compose(method, target, body, headers))

    def compose(
        self, method: str, target: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> bytes:
        given = {"Host": self._authority, **(headers or {})}
        if body is not None and "Transfer-Encoding" not in given:
            given.setdefault("Content-Length", str(len(body)))
        lines = [f"{method} {self._prefix}{target} HTTP/1.1", *(f"{k}: {v}" for k, v in given.items())]
        return "\r\n".join([*lines, "", ""]).encode("latin-1") + (body or b"")

    def exchange(
        self, method: str, target: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> httpx.Response:
        self.request(method, target, body, headers)
        return self.answer(method)

    def answer(self, method: str = "GET") -> httpx.Response:
        """The next whole answer on this connection."""
        deadline = time.monotonic() + DEADLINE
        status, headers = self.head(deadline)
        pieces = []
        if method != "HEAD" and status not in {204, 304}:
            while (piece := self.piece(deadline)) is not None:
                pieces.append(piece)
        return httpx.Response(status, headers=headers, content=b"".join(pieces))

    def head(self, deadline: float) -> tuple[int, Headers]:
        """The next status line and headers; what follows is then read with `piece`."""
        status, headers = self._one_head(deadline)
        while 100 <= status < 200:
            status, headers = self._one_head(deadline)
        named = {name.lower(): value for name, value in headers}
        self._chunked = named.get("transfer-encoding", "").lower() == "chunked"
        length = named.get("content-length")
        self._left = 0 if self._chunked else int(length) if length is not None else None
        return status, headers

    def piece(self, deadline: float) -> bytes | None:
        """The next bytes of a body as they arrive; None at its end. A body that is cut raises."""
        if self._left == 0 and not self._next_chunk(deadline):
            return None
        if not self._buffer and not self._more(deadline):
            if self._left is None:
                return None
            raise ConnectionError(f"the body was cut with {self._left} bytes to come")
        taken = bytes(self._buffer if self._left is None else self._buffer[: self._left])
        del self._buffer[: len(taken)]
        if self._left is not None:
            self._left -= len(taken)
            if self._left == 0 and self._chunked:
                assert self._line(deadline) == b"\r\n"
        return taken

    def is_closed_by_peer(self) -> bool:
        """Wait for the peer to close; anything it sends instead is an error."""
        return not self._buffer and not self._more(time.monotonic() + DEADLINE)

    def is_silent(self) -> bool:
        """Whether nothing has come up to now."""
        self._socket.setblocking(False)
        with suppress(BlockingIOError):
            self._buffer += self._socket.recv(65536)
        return not self._buffer

    def _next_chunk(self, deadline: float) -> bool:
        if not self._chunked:
            return False
        self._left = int(self._line(deadline).split(b";")[0], 16)
        if self._left:
            return True
        while self._line(deadline) != b"\r\n":
            pass
        return False

    def _one_head(self, deadline: float) -> tuple[int, Headers]:
        status_line = self._line(deadline)
        assert status_line.startswith(b"HTTP/1.1 "), status_line
        headers: Headers = []
        while (line := self._line(deadline)) != b"\r\n":
            name, _, value = line.decode("latin-1").partition(":")
            headers.append((name, value.strip()))
        return int(status_line.split()[1]), headers

    def _line(self, deadline: float) -> bytes:
        while (end := self._buffer.find(b"\n")) < 0:
            if not self._more(deadline):
                raise ConnectionError(f"closed within a line: {bytes(self._buffer)!r}")
        line = bytes(self._buffer[: end + 1])
        del self._buffer[: end + 1]
        return line

    def _more(self, deadline: float) -> bool:
        """Read once into the buffer; False when the peer has closed."""
        self._socket.settimeout(max(deadline - time.monotonic(), 0.001))
        try:
            data = self._socket.recv(65536)
        except ConnectionResetError:
            return False
        except TimeoutError:
            raise TimeoutError(f"nothing more came in time after {bytes(self._buffer[:200])!r}") from None
        self._buffer += data
        return bool(data)
