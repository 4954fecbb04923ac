"""A reader who reads nothing: costs bounded memory, is cut, and nobody else notices."""

import asyncio
import socket
from urllib.parse import urlsplit

import psutil  # type: ignore[import-untyped]

from faults.calling import TASKS, Caller, started, until
from faults.trackers import Tracker
from services import Service

MEGABYTE = 1024 * 1024
CALLS, ENTRIES = 50, 16
ENTRY_BYTES = MEGABYTE // ENTRIES - 100
GROWTH = 48 * MEGABYTE
"""Of the server: what it reads and writes at a time, for three readers; not the 50 MB that pass."""
STALLED_SECONDS = 2.0
SLOW_READERS = 5


class SlowReader:
    """Opens a stream and leaves it unread, with as little room for it as the system allows."""

    def __init__(self, url: str, task_id: str) -> None:
        parts = urlsplit(url)
        self._socket = socket.socket()
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self._socket.settimeout(20)
        self._socket.connect((parts.hostname, parts.port))
        self._socket.sendall(f"GET {TASKS}/{task_id}/track HTTP/1.1\r\nHost: {parts.netloc}\r\n\r\n".encode())

    def was_cut(self) -> bool:
        """Read what is left: whether it ends, and in the middle."""
        last = b""
        try:
            while data := self._socket.recv(65536):
                last = data
        except ConnectionResetError:
            return True
        finally:
            self._socket.close()
        return b"status_change" not in last and not last.endswith(b"0\r\n\r\n")


async def pass_much_by(service: Service) -> None:
    async with Caller(service.url) as caller:
        await started(caller, ["much"])
        trackers = [Tracker("much", service.url) for _ in range(3)]
        following = [asyncio.create_task(tracker.follow()) for tracker in trackers]
        slow = [SlowReader(service.url, "much") for _ in range(SLOW_READERS)]
        await until(lambda: all(tracker.connections for tracker in trackers), 5)
        process, most = psutil.Process(service.pid), 0
        await caller.post("/much/progress", {"progress": {"call": 0, "pad": "x" * ENTRY_BYTES}})
        before = process.memory_info().rss
        for call in range(CALLS):
            entries = [{"call": call * ENTRIES + n, "pad": "x" * ENTRY_BYTES} for n in range(ENTRIES)]
            assert (await caller.post("/much/progress", {"progress": entries})).status == 200
            most = max(most, process.memory_info().rss)
        last = CALLS * ENTRIES + 1
        await until(lambda: all(last in tracker.calls for tracker in trackers), 20)
        await asyncio.sleep(STALLED_SECONDS)
        assert (await caller.post("/much/complete", {})).status == 200
        await asyncio.wait_for(asyncio.gather(*following), 10)

        assert most - before < GROWTH, f"grew by {(most - before) // MEGABYTE} MB"
        assert [len(tracker.calls) for tracker in trackers] == [last] * 3
        assert [tracker.connections for tracker in trackers] == [1] * 3
        assert await asyncio.gather(*(asyncio.to_thread(one.was_cut) for one in slow)) == [True] * len(slow)


def test_fifty_megabytes_pass_by_readers_that_read_nothing(
    database_url: str, redis_url: str, redis_prefix: str
) -> None:
    env = {"TASK_TRACKER_STREAM_WRITE_TIMEOUT": str(STALLED_SECONDS)}
    with Service(database_url, redis_url, redis_prefix=redis_prefix, env=env) as service:
        asyncio.run(asyncio.wait_for(pass_much_by(service), 60))
