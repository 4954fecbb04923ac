"""A final event is told once to those who watch many tasks, whoever closes the task's log and how often."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

import psycopg
import pytest
import redis
from redis.client import PubSub

from services import Databases
from tasktracker_server.core.ends import End, EndOutcome, TaskState
from tasktracker_server.core.histories import SeedRequest
from tasktracker_server.core.log import Append, Appended, HistoryLimits, Seed
from tasktracker_server.core.records import Registration, Start
from tasktracker_server.live.client import LiveClient
from tasktracker_server.live.keys import Keys
from tasktracker_server.live.log import ProgressLog
from tasktracker_server.service.announcing import Announcer
from tasktracker_server.service.ending import Ending
from tasktracker_server.store.database import Database
from tasktracker_server.store.histories import HistoryStore
from tasktracker_server.store.tasks import TaskStore

TASK = "t"
MARKER = b"marker"


class Parts(NamedTuple):
    """What ends tasks, on real stores."""

    store: TaskStore
    histories: HistoryStore
    live: ProgressLog
    ending: Ending

    async def ended_in_postgres(self) -> TaskState:
        """A row whose end is committed; its ender has not come to its log yet."""
        (outcome,) = await self.store.end([End(TASK, "completed", attempt=1, peeked=True)])
        assert isinstance(outcome, EndOutcome)
        assert outcome.ended
        return await self.row()

    async def row(self) -> TaskState:
        (row,) = await self.histories.ends([TASK])
        assert row is not None
        return row

    async def seed(self) -> None:
        """Begin its live log."""
        (asked,) = await self.live.append([Append(TASK, [b"{}"], None, 1, "w")])
        assert isinstance(asked, Appended)
        (held,) = await self.histories.buy([SeedRequest(TASK, asked.ticket)])
        assert held is not None
        seed = Seed(TASK, asked.ticket, 1, "w", 0, held.seq_limit, 0, 0, False, held.ord, None, "a")
        await self.live.seed([seed])

    async def append(self) -> None:
        await self.seed()
        await self.live.append([Append(TASK, [b"{}"], None, 1, "w")])


Story = Callable[[Parts], Awaitable[None]]


async def a_repeat_of_an_end_without_entries(parts: Parts) -> None:
    await parts.ending.end([End(TASK, "completed", attempt=1)])
    await parts.ending.help([TASK])


async def a_repeat_of_an_end_with_entries(parts: Parts) -> None:
    await parts.append()
    await parts.ending.end([End(TASK, "completed", attempt=1)])
    await parts.ending.help([TASK])


async def a_helper_before_the_ender(parts: Parts) -> None:
    await parts.append()
    ended = await parts.ended_in_postgres()
    await parts.ending.help([TASK])
    await parts.ending.close([ended], by_ender=True)


async def two_helpers_before_the_ender(parts: Parts) -> None:
    await parts.seed()
    ended = await parts.ended_in_postgres()
    for _ in range(2):
        await parts.ending.help([TASK])
    await parts.ending.close([ended], by_ender=True)


async def a_debt_of_nothing(parts: Parts) -> None:
    await parts.seed()
    (ended,) = await parts.store.sweep_timeouts(10)
    assert ended.live_debt
    await parts.ending.close([ended], by_ender=True)
    await parts.ending.help([TASK])


async def a_debt_paid_by_a_helper_that_the_ender_comes_after(parts: Parts) -> None:
    await parts.append()
    (ended,) = await parts.store.sweep_timeouts(10)
    await parts.ending.help([TASK])
    await parts.ending.close([ended], by_ender=True)


async def a_debt_paid_by_all_at_once(parts: Parts) -> None:
    await parts.append()
    (ended,) = await parts.store.sweep_timeouts(10)
    await asyncio.gather(
        parts.ending.close([ended], by_ender=True), *(parts.ending.help([TASK]) for _ in range(3))
    )


async def entries_that_were_lost(parts: Parts) -> None:
    await parts.append()
    (ended,) = await parts.store.sweep_timeouts(10)
    await parts.live.forget([(TASK, ended.ord)], gone=True)
    await asyncio.gather(
        parts.ending.close([ended], by_ender=True), *(parts.ending.help([TASK]) for _ in range(3))
    )


STORIES: list[Story] = [
    a_repeat_of_an_end_without_entries,
    a_repeat_of_an_end_with_entries,
    a_helper_before_the_ender,
    two_helpers_before_the_ender,
    a_debt_of_nothing,
    a_debt_paid_by_a_helper_that_the_ender_comes_after,
    a_debt_paid_by_all_at_once,
    entries_that_were_lost,
]


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.__name__)
def test_a_final_event_is_told_once(
    story: Story, databases: Databases, redis_url: str, redis_prefix: str
) -> None:
    keys = Keys(f"{redis_prefix}:{story.__name__}")
    with databases.one() as url, listening(redis_url, keys.changes) as heard:
        asyncio.run(tell(story, url, redis_url, keys))

        assert [message.split(b"\n")[0] for message in heard()] == [b"t|a"]


async def tell(story: Story, database_url: str, redis_url: str, keys: Keys) -> None:
    database, client = Database(database_url), LiveClient(redis_url)
    await database.open()
    store, histories = TaskStore(database), HistoryStore(database)
    live = ProgressLog(client, keys, HistoryLimits(10, 1000))
    ending = Ending(store, histories, live, Announcer(live))
    try:
        await store.register([Registration(0, TASK, "a", 600)])
        await store.start([Start(TASK, "w", None)])
        if "debt" in story.__name__ or "lost" in story.__name__:
            make_overdue(database_url)
        await story(Parts(store, histories, live, ending))
        assert not (await histories.debts(10))
    finally:
        await ending.aclose()
        await client.aclose()
        await database.aclose()


def make_overdue(database_url: str) -> None:
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("update tracker_tasks set timeout_at = now() - interval '1 second'")


@contextmanager
def listening(redis_url: str, channel: str) -> Iterator[Callable[[], list[bytes]]]:
    """All that was published on a channel until it is asked for."""
    with redis.Redis.from_url(redis_url) as client, client.pubsub() as listener:
        listener.subscribe(channel)
        assert listener.get_message(timeout=5)["type"] == "subscribe"
        yield lambda: heard_before(client, listener, channel)


def heard_before(client: "redis.Redis", listener: PubSub, channel: str) -> list[bytes]:
    client.publish(channel, MARKER)
    heard: list[bytes] = []
    while (message := listener.get_message(timeout=5))["data"] != MARKER:
        heard.append(message["data"])
    return heard
