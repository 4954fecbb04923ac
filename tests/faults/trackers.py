"""A reader of a task's stream that reconnects as the contract says, and checks what it is sent."""

import asyncio
import json
from contextlib import suppress
from typing import Any, Final
from urllib.parse import urlsplit

from faults.calling import TASKS

_PAUSE: Final = 0.05


class Tracker:
    """Follows one task on one instance after the other until its final event.

    Every entry has to come in order and once, each hole before it told as a gap.
    """

    def __init__(self, task_id: str, *urls: str) -> None:
        self.task_id = task_id
        self.urls = list(urls)
        self.after = 0
        """The last position that had an id."""
        self.calls: dict[int, int] = {}
        """Which of the worker's calls each number was."""
        self.lost: list[range] = []
        self.final: dict[str, Any] | None = None
        self.connections = 0
        self._told = 0

    async def follow(self) -> None:
        """Until the final event."""
        while self.final is None:
            url = self.urls[self.connections % len(self.urls)]
            self.connections += 1
            with suppress(OSError, EOFError):
                await self._read(urlsplit(url).hostname or "", urlsplit(url).port or 80)
            await asyncio.sleep(_PAUSE)

    async def _read(self, host: str, port: int) -> None:
        reader, writer = await asyncio.open_connection(host, port, limit=1 << 24)
        try:
            path = f"{TASKS}/{self.task_id}/track?afterSeqId={self.after}&heartbeatSeconds=1"
            # Without chunks: the end of the connection is the end of the stream.
            writer.write(f"GET {path} HTTP/1.0\r\nHost: {host}\r\n\r\n".encode())
            head = await reader.readuntil(b"\r\n\r\n")
            if head.startswith(b"HTTP/1.1 503"):
                return
            assert head.startswith(b"HTTP/1.1 200"), head
            self._told = self.after
            while frame := await self._frame(reader):
                self._take(frame)
        finally:
            writer.close()

    async def _frame(self, reader: asyncio.StreamReader) -> dict[str, str]:
        """The fields up to a blank line; none at the end of the stream."""
        fields: dict[str, str] = {}
        while line := await reader.readline():
            if line == b"\n":
                return fields
            if not line.startswith(b":"):
                name, _, value = line.decode().rstrip("\n").partition(": ")
                fields[name] = value
        return {}

    def _take(self, fields: dict[str, str]) -> None:
        if "data" not in fields:
            assert fields["id"] == str(self.after), f"opened at {fields} after {self.after}"
            return
        envelope = json.loads(fields["data"])
        data = envelope["data"]
        match envelope["event"]:
            case "progress":
                number = data["seqId"]
                assert number == self._told + 1, f"{self.task_id}: {number} follows {self._told}"
                assert fields["id"] == str(number)
                self.calls[number] = data["call"]
                self.after = self._told = number
            case "gap":
                assert data["fromSeqId"] == self._told + 1, f"{self.task_id}: {data} follows {self._told}"
                assert "id" not in fields
                self._told = data["toSeqId"]
                gap = range(data["fromSeqId"], data["toSeqId"] + 1)
                if gap not in self.lost:
                    self.lost.append(gap)
            case "status_change":
                self.final = data
