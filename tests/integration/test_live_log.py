"""Live logs are told of a cancel in whatever order the news arrives."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from tasktracker_server.core.log import Append, Appended, Fence, HistoryLimits, Note, Seed
from tasktracker_server.live.client import LiveClient
from tasktracker_server.live.keys import Keys
from tasktracker_server.live.log import ProgressLog

TASK = "cancelled-1"
CANCEL = Note(TASK, 2, "c", 1)
Story = Callable[[ProgressLog], Awaitable[None]]


async def append(log: ProgressLog, attempt: int) -> Appended:
    answer = (await log.append([Append(TASK, [b"{}"], None, attempt, "w")]))[0]
    assert isinstance(answer, Appended)
    return answer


def said(ticket: str, attempt: int) -> Seed:
    return Seed(TASK, ticket, attempt, "w", 0, 256, 0, 0, False, 1, None, "a")


async def before_the_fence_of_its_attempt(log: ProgressLog) -> None:
    await log.note([CANCEL])
    await log.fence([Fence(TASK, "l", 2, "w")])


async def after_the_fence_of_its_attempt(log: ProgressLog) -> None:
    await log.fence([Fence(TASK, "l", 2, "w")])
    await log.note([CANCEL])


async def while_the_holder_is_asked_for(log: ProgressLog) -> None:
    asked = await append(log, 2)
    assert asked.kind == "VERIFY"
    await log.note([CANCEL])
    await log.verify([said(asked.ticket, 2)])


@pytest.mark.parametrize(
    "story",
    [before_the_fence_of_its_attempt, after_the_fence_of_its_attempt, while_the_holder_is_asked_for],
    ids=lambda story: story.__name__,
)
def test_a_cancel_is_told_with_the_next_entry(story: Story, redis_url: str, redis_prefix: str) -> None:
    async def tell() -> Appended:
        client = LiveClient(redis_url)
        log = ProgressLog(client, Keys(f"{redis_prefix}:{story.__name__}"), HistoryLimits(10, 1000))
        try:
            asked = await append(log, 1)
            await log.seed([said(asked.ticket, 1)])
            assert not (await append(log, 1)).cancelled
            await story(log)
            return await append(log, 2)
        finally:
            await client.aclose()

    answer = asyncio.run(tell())

    assert (answer.kind, answer.cancelled) == ("OK", True)
