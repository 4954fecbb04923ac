"""A final event is told once to those who watch many tasks, whoever closes the task's log and how often."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

import psycopg
import pytest
import redis
from redis.client import PubSub

from integration.lossy_redis import LossyRedis
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
    redis: LossyRedis

    async def ended_in_postgres(self) -> TaskState:
        """A row whose end is committed; its ender has not come to its log yet."""
        (outcome,) = await self.store.end([End(TASK, "completed", attempt=1, peeked=True)])
        assert isinstance(outcome, EndOutcome)
        assert outcome.ended
        return await self.row()

    async def ended_with_all(self) -> TaskState:
        """The same, by an end that saw the log whole: nothing is owed."""
        (found,) = await self.live.peek([TASK])
        (outcome,) = await self.store.end(
            [End(TASK, "completed", attempt=1, peeked=found.whole, proof=found.proof)]
        )
        assert isinstance(outcome, EndOutcome)
        assert not outcome.live_debt
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

    async def end_and_lose_the_answer(self) -> None:
        """Redis has closed the log; its ender does not know."""
        self.redis.lose_answer_to(b"completed")
        await self.ending.end([End(TASK, "completed", attempt=1)])
        await self.redis_is_back()

    async def close_and_lose_the_answer(self, ended: TaskState) -> None:
        self.redis.lose_answer_to(b"completed")
        await self.ending.close([ended], by_ender=True)
        await self.redis_is_back()

    async def redis_is_back(self) -> None:
        """It was asked and did not answer; now it does again."""
        assert self.redis.lost == 1
        assert (await self.row()).live_debt
        await asyncio.sleep(0.6)


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


async def a_closing_whose_answer_was_lost(parts: Parts) -> None:
    await parts.append()
    await parts.end_and_lose_the_answer()
    await parts.ending.help([TASK])


async def a_closing_whose_answer_was_lost_and_entries_that_came_before_it(parts: Parts) -> None:
    """The end was committed without them: the closing whose answer was lost has not removed them."""
    await parts.append()
    ended = await parts.ended_in_postgres()
    await parts.close_and_lose_the_answer(ended)
    await parts.ending.help([TASK])


async def a_closing_whose_answer_was_lost_and_entries_that_came_after_it(parts: Parts) -> None:
    """They are refused, but a log was begun for them that knows nothing of the one before."""
    await parts.append()
    await parts.end_and_lose_the_answer()
    await parts.live.append([Append(TASK, [b"{}"], None, 1, "w")])
    for _ in range(2):
        await parts.ending.help([TASK])


async def a_debt_whose_log_was_put_away_without_an_answer(parts: Parts) -> None:
    """All was stored already; what was lost is the answer to what only removes the log."""
    await parts.append()
    (ended,) = await parts.store.sweep_timeouts(10)
    parts.redis.lose_answer_to(b"nothing")
    await parts.ending.close([ended], by_ender=True)
    await parts.redis_is_back()
    await parts.ending.help([TASK])


async def a_debt_whose_log_was_lost_before_a_closing_without_an_answer(parts: Parts) -> None:
    """Such a closing removes nothing: that the log is not there is a loss, whatever became of the answer."""
    await parts.append()
    (ended,) = await parts.store.sweep_timeouts(10)
    await parts.live.forget([(TASK, ended.ord)], gone=True)
    parts.redis.lose_answer_to(b"timeout")
    await parts.ending.close([ended], by_ender=True)
    await parts.redis_is_back()
    await parts.ending.help([TASK])


async def entries_lost_before_a_closing_without_an_answer(parts: Parts) -> None:
    """The end carried what was there; the log was gone when it was to be closed, and nobody heard so."""
    await parts.seed()
    ended = await parts.ended_with_all()
    await parts.live.forget([(TASK, ended.ord)], gone=True)
    await parts.close_and_lose_the_answer(ended)
    await parts.ending.help([TASK])


LOSING = (
    entries_that_were_lost,
    a_debt_whose_log_was_lost_before_a_closing_without_an_answer,
    entries_lost_before_a_closing_without_an_answer,
)
STORIES: list[Story] = [
    entries_lost_before_a_closing_without_an_answer,
    a_debt_whose_log_was_lost_before_a_closing_without_an_answer,
    a_closing_whose_answer_was_lost,
    a_closing_whose_answer_was_lost_and_entries_that_came_before_it,
    a_closing_whose_answer_was_lost_and_entries_that_came_after_it,
    a_debt_whose_log_was_put_away_without_an_answer,
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
        assert is_loss_told(url) == (story in LOSING)


async def tell(story: Story, database_url: str, redis_url: str, keys: Keys) -> None:
    lossy = LossyRedis(redis_url)
    async with lossy.listening():
        await tell_by(story, lossy, database_url, keys)


async def tell_by(story: Story, lossy: LossyRedis, database_url: str, keys: Keys) -> None:
    database, client = Database(database_url), LiveClient(lossy.url)
    await database.open()
    store, histories = TaskStore(database), HistoryStore(database)
    live = ProgressLog(client, keys, HistoryLimits(10, 1000))
    ending = Ending(store, histories, live, Announcer(live))
    try:
        await store.register([Registration(0, TASK, "a", 600)])
        await store.start([Start(TASK, "w", None)])
        if "debt" in story.__name__ or "entries_that_were_lost" in story.__name__:
            make_overdue(database_url)
        await story(Parts(store, histories, live, ending, lossy))
        row = (await histories.ends([TASK]))[0]
        assert row is not None
        assert not row.live_debt
        assert not row.live_doubt
    finally:
        await ending.aclose()
        await client.aclose()
        await database.aclose()


def is_loss_told(database_url: str) -> bool:
    with psycopg.connect(database_url) as connection:
        row = connection.execute("select lost_to is not null from tracker_tasks").fetchone()
        assert row is not None
        return bool(row[0])


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
