"""What is told of changes: together, once, and where it could not be told, that."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from functools import wraps
from typing import Any, cast

from tasktracker_server.core.changes import CUT, Change, Told, read_message
from tasktracker_server.core.channels import CHANGES, Channel, of_task
from tasktracker_server.core.errors import RedisUnavailable
from tasktracker_server.service.announcing import Announcer
from tasktracker_server.service.ports import ProgressLog


def in_a_loop(test: Callable[[], Coroutine[Any, Any, None]]) -> Callable[[], None]:
    @wraps(test)
    def run() -> None:
        asyncio.run(test())

    return run


class Publisher:
    """Takes what is published; is away for its first calls."""

    def __init__(self, away: int = 0) -> None:
        self.away = away
        self.sent: list[tuple[Channel, bytes]] = []

    async def publish(self, messages: Sequence[tuple[Channel, bytes]]) -> None:
        if self.away:
            self.away -= 1
            raise RedisUnavailable
        self.sent += messages

    def told(self) -> list[Told]:
        return [
            told
            for channel, body in self.sent
            if channel == CHANGES and body != CUT
            for told in read_message(body)
        ]


def announcer(publisher: Publisher) -> Announcer:
    return Announcer(cast(ProgressLog, publisher))


def change(task_id: str) -> Change:
    return Change(task_id, "a|b", "in_progress", "claimed", "w", 1, "2026-01-31T12:00:00.000Z")


@in_a_loop
async def test_changes_of_one_moment_are_one_message() -> None:
    publisher = Publisher()
    telling = announcer(publisher)
    for n in range(3):
        telling.changed(change(f"t-{n}"))
    await telling.aclose()

    assert [channel for channel, _ in publisher.sent].count(CHANGES) == 1
    assert [(told.task_id, told.task_type) for told in publisher.told()] == [
        (f"t-{n}", "a|b") for n in range(3)
    ]


@in_a_loop
async def test_a_new_task_is_told_to_all_but_not_on_its_own_channel() -> None:
    publisher = Publisher()
    telling = announcer(publisher)
    telling.created("t-1", "a", "2026-01-31T12:00:00.000Z")
    telling.changed(change("t-1"))
    await telling.aclose()

    own = [body for channel, body in publisher.sent if channel == of_task("t-1")]
    assert len(own) == 1
    assert b'"reason":"claimed"' in own[0]


@in_a_loop
async def test_what_could_not_be_told_is_told_as_a_cut() -> None:
    publisher = Publisher(away=1)
    telling = announcer(publisher)
    telling.changed(change("lost"))
    await asyncio.sleep(0.05)
    telling.changed(change("kept"))
    await asyncio.sleep(1.2)

    assert next(body for channel, body in publisher.sent if channel == CHANGES) == CUT
    assert [told.task_id for told in publisher.told()] == ["kept"]


@in_a_loop
async def test_a_crowd_of_changes_is_cut_rather_than_kept_without_end() -> None:
    publisher = Publisher()
    telling = announcer(publisher)
    for n in range(50_000):
        telling.created(f"t-{n}", "a", "2026-01-31T12:00:00.000Z")
    await telling.aclose()

    assert publisher.sent[0] == (CHANGES, CUT)
    assert 1_000 < len(publisher.told()) < 50_000
    assert all(len(body) < 1_000_000 for _, body in publisher.sent)
