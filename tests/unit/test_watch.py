"""One stream of many tasks: what its reader has not taken is bounded, and ends with a cut."""

import asyncio

from tasktracker_schema.requests import EventsQuery
from tasktracker_server.service.streams import Pace, Stream
from tasktracker_server.service.watch import Watch

LARGE = b"x" * 300_000


class Places:
    def __init__(self) -> None:
        self.left = 0

    async def leave(self) -> None:
        self.left += 1


class Watching(Stream):
    """An open stream, and who tells it what is new."""

    def __init__(self, places: Places, *, heartbeat: float = 60, deadline: float | None = None) -> None:
        self.watch = Watch(EventsQuery(task_id=["a"]), Pace(heartbeat, deadline))
        super().__init__(self.watch.chunks(), places.leave)

    def tell(self, frame: bytes) -> None:
        self.watch.tell(frame)


async def rest(stream: Stream) -> bytes:
    return b"".join([chunk async for chunk in stream])


def test_what_is_told_is_read_in_order() -> None:
    async def read() -> bytes:
        stream = Watching(Places())
        await anext(stream)
        for frame in (b"1", b"2", b"3"):
            stream.tell(frame)
        return await anext(stream)

    assert asyncio.run(read()) == b"123"


def test_a_reader_who_falls_behind_gets_nothing_after_the_hole() -> None:
    async def read() -> tuple[bytes, int]:
        places = Places()
        stream = Watching(places)
        await anext(stream)
        for _ in range(10):
            stream.tell(LARGE)
        stream.tell(b"later")
        return await rest(stream), places.left

    assert asyncio.run(read()) == (b"", 1)


def test_many_small_frames_are_bounded_too() -> None:
    async def read() -> bytes:
        stream = Watching(Places())
        await anext(stream)
        for _ in range(10_001):
            stream.tell(b".")
        return await rest(stream)

    assert asyncio.run(read()) == b""


def test_a_reader_who_keeps_up_is_never_cut() -> None:
    async def read() -> int:
        stream = Watching(Places())
        await anext(stream)
        taken = 0
        for _ in range(50):
            stream.tell(LARGE)
            taken += len(await anext(stream))
        return taken

    assert asyncio.run(read()) == 50 * len(LARGE)


def test_one_frame_of_any_size_is_told() -> None:
    async def read() -> int:
        stream = Watching(Places())
        await anext(stream)
        stream.tell(LARGE * 10)
        return len(await anext(stream))

    assert asyncio.run(read()) == 10 * len(LARGE)


def test_a_cut_wakes_a_reader_who_waits() -> None:
    async def read() -> bytes:
        stream = Watching(Places())
        await anext(stream)
        waiting = asyncio.create_task(rest(stream))
        await asyncio.sleep(0.01)
        stream.watch.cut()
        return await asyncio.wait_for(waiting, 5)

    assert asyncio.run(read()) == b""


def test_silence_is_a_heartbeat_and_a_lifetime_an_end() -> None:
    async def read() -> bytes:
        deadline = asyncio.get_running_loop().time() + 0.5
        stream = Watching(Places(), heartbeat=0.05, deadline=deadline)
        await anext(stream)
        return await rest(stream)

    told = asyncio.run(read())
    assert told == b":\n" * (len(told) // 2)
    assert len(told) >= 4


def test_a_stream_is_left_once_it_was_closed_unread() -> None:
    async def close() -> int:
        places = Places()
        await Watching(places).aclose()
        return places.left

    assert asyncio.run(close()) == 1
