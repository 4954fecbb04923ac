"""One stream of many tasks: what its reader has not taken is bounded, and ends with a cut."""

import asyncio

from tasktracker_schema.requests import EventsQuery
from tasktracker_server.service.following import Pace
from tasktracker_server.service.watch import Watch

LARGE = b"x" * 300_000


class Places:
    def __init__(self) -> None:
        self.left = 0

    async def leave(self, watch: Watch) -> None:
        self.left += 1


def watching(places: Places, *, heartbeat: float = 60, deadline: float | None = None) -> Watch:
    return Watch(EventsQuery(task_id=["a"]), Pace(heartbeat, deadline), places.leave)


async def rest(watch: Watch) -> bytes:
    return b"".join([chunk async for chunk in watch])


def test_what_is_told_is_read_in_order() -> None:
    async def read() -> bytes:
        watch = watching(Places())
        await anext(watch)
        for frame in (b"1", b"2", b"3"):
            watch.tell(frame)
        return await anext(watch)

    assert asyncio.run(read()) == b"123"


def test_a_reader_who_falls_behind_gets_nothing_after_the_hole() -> None:
    async def read() -> tuple[bytes, int]:
        places = Places()
        watch = watching(places)
        await anext(watch)
        for _ in range(10):
            watch.tell(LARGE)
        watch.tell(b"later")
        return await rest(watch), places.left

    assert asyncio.run(read()) == (b"", 1)


def test_many_small_frames_are_bounded_too() -> None:
    async def read() -> bytes:
        watch = watching(Places())
        await anext(watch)
        for _ in range(10_001):
            watch.tell(b".")
        return await rest(watch)

    assert asyncio.run(read()) == b""


def test_a_reader_who_keeps_up_is_never_cut() -> None:
    async def read() -> int:
        watch = watching(Places())
        await anext(watch)
        taken = 0
        for _ in range(50):
            watch.tell(LARGE)
            taken += len(await anext(watch))
        return taken

    assert asyncio.run(read()) == 50 * len(LARGE)


def test_one_frame_of_any_size_is_told() -> None:
    async def read() -> int:
        watch = watching(Places())
        await anext(watch)
        watch.tell(LARGE * 10)
        return len(await anext(watch))

    assert asyncio.run(read()) == 10 * len(LARGE)


def test_a_cut_wakes_a_reader_who_waits() -> None:
    async def read() -> bytes:
        watch = watching(Places())
        await anext(watch)
        waiting = asyncio.create_task(rest(watch))
        await asyncio.sleep(0.01)
        watch.cut()
        return await asyncio.wait_for(waiting, 5)

    assert asyncio.run(read()) == b""


def test_silence_is_a_heartbeat_and_a_lifetime_an_end() -> None:
    async def read() -> bytes:
        deadline = asyncio.get_running_loop().time() + 0.5
        watch = watching(Places(), heartbeat=0.05, deadline=deadline)
        await anext(watch)
        return await rest(watch)

    told = asyncio.run(read())
    assert told == b":\n" * (len(told) // 2)
    assert len(told) >= 4


def test_a_stream_is_left_once_it_was_closed_unread() -> None:
    async def close() -> int:
        places = Places()
        await watching(places).aclose()
        return places.left

    assert asyncio.run(close()) == 1
