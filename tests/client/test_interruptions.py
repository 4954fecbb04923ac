"""Ctrl-C and cancellation: never swallowed, never read as the end, and the client goes on afterwards."""

import asyncio
import os
import signal
import sys
import threading
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from typing import Any

import pytest

import tasktracker_client as sdk
from services import wait_for
from tasktracker_client import AsyncTaskTracker, Progress, Retries, StatusChange, Task, TaskTracker

from .conftest import QUICK, Through
from .proxy import Answered, Swallowed, always
from .test_wait import Later

PATIENT = Retries(first_seconds=30.0, longest_seconds=30.0)


@pytest.fixture(autouse=True)
def ctrl_c() -> Iterator[None]:
    """SIGINT does what it does in a program."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def task(url: str) -> Task:
    with TaskTracker(url) as client:
        return client.get(client.start(client.register("interrupted", max_retries=0)))


def interrupted(work: Callable[[], object], when: Callable[[], bool]) -> None:
    """The work is stopped by Ctrl-C as soon as the condition holds."""

    def press() -> None:
        assert wait_for(when, 30)
        os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt), Later(press, 0.0):
        work()


def is_receiving() -> bool:
    """Whether the main thread waits for bytes."""
    frame = sys._current_frames()[threading.main_thread().ident or 0]
    return "socket" in frame.f_code.co_filename or frame.f_code.co_name in ("recv", "read")


def test_a_call_that_is_interrupted(through: Through, task: Task) -> None:
    proxy = through(always(Swallowed()))
    with TaskTracker(proxy.url) as client:
        interrupted(lambda: client.complete(task), lambda: proxy.count("/complete") == 1)
        proxy.wait_until_left(0)
        proxy.rule = None
        assert client.get(task).status == "in_progress"
        assert proxy.count("/complete") == 1


def test_a_wait_that_is_interrupted(through: Through, task: Task) -> None:
    proxy = through()
    with TaskTracker(proxy.url) as client:
        interrupted(lambda: client.wait(task), lambda: proxy.count("/progress?") == 2)
        assert client.complete(task).status == "completed"
        assert client.wait(task).id == task.id


def test_a_pause_that_is_interrupted(through: Through, task: Task) -> None:
    proxy = through(always(Answered("503 Service Unavailable")))
    with TaskTracker(proxy.url, retries=PATIENT) as client:
        interrupted(lambda: client.get(task), lambda: proxy.count(task.id) == 1)
        assert proxy.count(task.id) == 1


def test_a_stream_that_is_interrupted_goes_on_where_it_was(through: Through, task: Task, url: str) -> None:
    proxy = through()
    client = TaskTracker(proxy.url, retries=QUICK)
    with TaskTracker(url) as other, client, client.track(task) as events:
        other.progress(task, {"n": 1})
        assert _number(next(events)) == 1
        interrupted(lambda: next(events), is_receiving)
        proxy.wait_until_left(0)
        other.progress(task, {"n": 2})
        other.complete(task)
        assert [type(each) for each in events] == [Progress, StatusChange]


def test_many_interruptions_lose_and_repeat_nothing(task: Task, url: str) -> None:
    told: list[int] = []
    with TaskTracker(url) as other, TaskTracker(url, retries=QUICK) as client, client.track(task) as events:

        def read() -> None:
            for event in events:
                if isinstance(event, Progress):
                    told.append(event.seq_id)

        for number in range(40, 201, 40):
            other.progress(task, [{}] * 40)
            interrupted(read, lambda at=number: len(told) >= at and is_receiving())  # type: ignore[misc]
        other.complete(task)
        read()

    assert told == list(range(1, 201))


def _number(event: object) -> int:
    assert isinstance(event, Progress)
    return event.seq_id


@pytest.mark.parametrize("step", ["call", "stream"])
def test_ctrl_c_in_an_event_loop(through: Through, task: Task, step: str) -> None:
    proxy = through(always(Swallowed()))

    async def main() -> None:
        async with AsyncTaskTracker(proxy.url) as client:
            if step == "call":
                await client.get(task)
            else:
                async for _ in client.track(task):
                    pass

    interrupted(lambda: asyncio.run(main()), lambda: proxy.count(task.id) == 1)
    proxy.wait_until_left(0)


def in_loop(work: Callable[[AsyncTaskTracker], Coroutine[Any, Any, None]], url: str, **options: Any) -> None:
    async def main() -> None:
        async with asyncio.timeout(60), AsyncTaskTracker(url, **options) as client:
            await work(client)

    asyncio.run(main())


async def cancelled(work: Awaitable[Any], when: Callable[[], bool]) -> None:
    """The work is cancelled as soon as the condition holds, and ends as cancelled."""
    running = asyncio.ensure_future(work)
    assert await asyncio.to_thread(wait_for, when, 30)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running


def test_a_cancelled_call_frees_its_connection(through: Through, task: Task) -> None:
    proxy = through(always(Swallowed()))

    async def work(client: AsyncTaskTracker) -> None:
        await cancelled(client.complete(task), lambda: proxy.count("/complete") == 1)
        await asyncio.to_thread(proxy.wait_until_left, 0)
        proxy.rule = None
        assert (await client.get(task)).status == "in_progress"

    in_loop(work, proxy.url)


def test_a_cancelled_step_of_a_stream_is_not_its_end(through: Through, task: Task) -> None:
    proxy = through()

    async def work(client: AsyncTaskTracker) -> None:
        events = client.track(task)
        await cancelled(anext(events), lambda: proxy.count("/track") == 1)
        await client.progress(task, {"n": 1})
        assert _number(await anext(events)) == 1
        await cancelled(anext(events), lambda: True)
        await asyncio.to_thread(proxy.wait_until_left, 1)
        await client.complete(task, progress={"n": 2})
        assert [type(event) async for event in events] == [Progress, StatusChange]

    in_loop(work, proxy.url, retries=QUICK)


def test_a_stream_that_is_looked_at_now_and_then_tells_everything(url: str, task: Task) -> None:
    async def work(client: AsyncTaskTracker) -> None:
        events = client.track(task)
        told: list[int] = []
        for n in range(1, 11):
            await client.progress(task, {"n": n})
            while len(told) < n:
                try:
                    async with asyncio.timeout(0.1):
                        told.append(_number(await anext(events)))
                except TimeoutError:
                    continue
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.05):
                    await anext(events)
        await events.aclose()
        assert told == list(range(1, 11))

    in_loop(work, url, retries=2)


def test_looks_that_are_broken_off_are_no_failures_of_the_service(through: Through, task: Task) -> None:
    proxy = through(always(Swallowed()))

    async def work(client: AsyncTaskTracker) -> None:
        for events in (client.track(task), client.events()):
            for _ in range(5):
                with pytest.raises(TimeoutError):
                    async with asyncio.timeout(0.1):
                        await anext(events)
            await events.aclose()

    in_loop(work, proxy.url, retries=2)
    assert proxy.opened == 10


def test_two_tasks_read_their_own_streams_of_one_client(url: str) -> None:
    async def work(client: AsyncTaskTracker) -> None:
        tasks = [await client.start(await client.register("interrupted")) for _ in range(20)]

        async def read(task: sdk.StartedTask) -> list[type]:
            return [type(event) async for event in client.track(task)]

        reading = [asyncio.create_task(read(task)) for task in tasks]
        for task in tasks:
            await client.progress(task, {"n": 1})
            await client.complete(task)
        assert await asyncio.gather(*reading) == [[Progress, StatusChange]] * 20

    in_loop(work, url)
