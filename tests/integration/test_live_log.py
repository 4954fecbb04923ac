"""Live logs learn of a cancel, and of another length of a lease, in whatever order the news arrives."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from tasktracker_server.core.log import Append, Appended, Fence, HistoryLimits, Note, Seed
from tasktracker_server.live.client import LiveClient
from tasktracker_server.live.keys import Keys
from tasktracker_server.live.log import ProgressLog

TASK = "cancelled-1"
CANCEL = Note(TASK, 2, "c", 1)
LONGER = Note(TASK, 1, "ls", 600)
Story = Callable[[ProgressLog], Awaitable[None]]


async def append(log: ProgressLog, attempt: int) -> Appended:
    answer = (await log.append([Append(TASK, [b"{}"], None, attempt, "w")]))[0]
    assert isinstance(answer, Appended)
    return answer


def said(ticket: str, attempt: int, lease_seconds: int | None = None) -> Seed:
    return Seed(TASK, ticket, attempt, "w", 0, 256, 0, 0, False, 1, lease_seconds, "a")


async def seed(log: ProgressLog) -> None:
    asked = await append(log, 1)
    assert asked.kind == "SEED"
    await log.seed([said(asked.ticket, 1)])


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
    async def tell(log: ProgressLog) -> Appended:
        await seed(log)
        assert not (await append(log, 1)).cancelled
        await story(log)
        return await append(log, 2)

    answer = asyncio.run(with_log(tell, redis_url, f"{redis_prefix}:{story.__name__}"))

    assert (answer.kind, answer.cancelled) == ("OK", True)


async def while_the_log_is_being_seeded(log: ProgressLog) -> None:
    asked = await append(log, 1)
    assert asked.kind == "SEED"
    await log.note([LONGER])
    await log.seed([said(asked.ticket, 1, lease_seconds=30)])


async def while_its_holder_is_asked_for(log: ProgressLog) -> None:
    await seed(log)
    await log.fence([Fence(TASK, "l", 1, "w", 30)])
    asked = await append(log, 2)
    assert asked.kind == "VERIFY"
    await log.note([LONGER])
    await log.verify([said(asked.ticket, 1, lease_seconds=30)])


@pytest.mark.parametrize(
    "story",
    [while_the_log_is_being_seeded, while_its_holder_is_asked_for],
    ids=lambda story: story.__name__,
)
def test_another_length_of_a_lease_outlives_an_older_answer(
    story: Story, redis_url: str, redis_prefix: str
) -> None:
    async def tell(log: ProgressLog) -> Appended:
        await story(log)
        return await append(log, 1)

    answer = asyncio.run(with_log(tell, redis_url, f"{redis_prefix}:{story.__name__}"))

    assert (answer.kind, answer.lease_seconds) == ("OK", 600)


def test_it_is_not_taken_over_by_another_attempt(redis_url: str, redis_prefix: str) -> None:
    async def tell(log: ProgressLog) -> Appended:
        asked = await append(log, 1)
        await log.note([LONGER])
        await log.seed([said(asked.ticket, 2, lease_seconds=30)])
        return await append(log, 2)

    answer = asyncio.run(with_log(tell, redis_url, f"{redis_prefix}:another_attempt"))

    assert (answer.kind, answer.lease_seconds) == ("OK", 30)


def test_it_counts_against_the_answer_it_overtook_only(redis_url: str, redis_prefix: str) -> None:
    async def tell(log: ProgressLog) -> Appended:
        await while_its_holder_is_asked_for(log)
        asked = await append(log, 2)
        await log.verify([said(asked.ticket, 1, lease_seconds=30)])
        return await append(log, 1)

    answer = asyncio.run(with_log(tell, redis_url, f"{redis_prefix}:once"))

    assert (answer.kind, answer.lease_seconds) == ("OK", 30)


async def with_log(
    tell: Callable[[ProgressLog], Awaitable[Appended]], redis_url: str, prefix: str
) -> Appended:
    client = LiveClient(redis_url)
    try:
        return await tell(ProgressLog(client, Keys(prefix), HistoryLimits(10, 1000)))
    finally:
        await client.aclose()
