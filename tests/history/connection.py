"""One keep-alive HTTP connection: as little as a caller needs, so that the service is what gets the load."""

from __future__ import annotations

import asyncio
from typing import Any, NamedTuple, Self
from urllib.parse import urlsplit

import msgspec

TIMEOUT_SECONDS = 20.0
"""Longer than anything is stopped for."""


class NoAnswer(Exception):
    """The connection broke, or it took too long: nobody knows what was done."""


class Answer(NamedTuple):
    """A whole answer."""

    status: int
    body: Any


class Message(NamedTuple):
    """A request or an answer as it came over the wire."""

    head: bytes
    body: bytes


class Connection:
    """Connects when it is first used, and anew after it broke."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._host, self._port = parts.hostname or "127.0.0.1", parts.port or 80
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the connection; the next call makes a new one."""
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None

    async def post(self, path: str, body: Any) -> Answer:
        """Send JSON and wait for the answer.

        Raises:
            NoAnswer
        """
        status, answer = await self._exchange("POST", path, msgspec.json.encode(body))
        return Answer(status, msgspec.json.decode(answer))

    async def get(self, path: str) -> tuple[int, bytes]:
        """Read an answer to its end, also that of a stream.

        Raises:
            NoAnswer
        """
        return await self._exchange("GET", path, b"")

    async def _exchange(self, method: str, path: str, body: bytes) -> tuple[int, bytes]:
        fields = f"Host: {self._host}:{self._port}\r\nContent-Length: {len(body)}\r\n"
        request = f"{method} {path} HTTP/1.1\r\n{fields}\r\n".encode() + body
        try:
            async with asyncio.timeout(TIMEOUT_SECONDS):
                if self._streams is None:
                    self._streams = await asyncio.open_connection(self._host, self._port)
                reader, writer = self._streams
                writer.write(request)
                answer = await read_message(reader)
        except (OSError, EOFError, TimeoutError) as error:
            self.close()
            raise NoAnswer(repr(error)) from error
        except asyncio.CancelledError:
            self.close()
            raise
        if b"\r\nconnection: close\r\n" in answer.head.lower():
            self.close()
        return int(answer.head[9:12]), answer.body


async def read_message(reader: asyncio.StreamReader) -> Message:
    """The next whole message.

    Raises:
        EOFError: the peer has closed.
    """
    head = await reader.readuntil(b"\r\n\r\n")
    fields = head.lower()
    if b"\r\ntransfer-encoding: chunked\r\n" in fields:
        return Message(head, await _chunks(reader))
    _, _, rest = fields.partition(b"\r\ncontent-length:")
    length = int(rest.partition(b"\r\n")[0] or 0)
    return Message(head, await reader.readexactly(length) if length else b"")


async def _chunks(reader: asyncio.StreamReader) -> bytes:
    body = bytearray()
    while length := int((await reader.readline()).split(b";")[0] or b"0", 16):
        body += await reader.readexactly(length)
        await reader.readexactly(2)
    await reader.readline()
    return bytes(body)
