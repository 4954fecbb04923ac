"""With ``lifecycle=true`` nothing that led to the state shown first is told after it, however late it is."""

import asyncio
from collections.abc import Callable, Iterator

import httpx
import pytest

from services import Service
from tasktracker_schema.events import LifecycleReason
from tasktracker_server.core.changes import Change
from tasktracker_server.core.log import HistoryLimits
from tasktracker_server.live.client import LiveClient
from tasktracker_server.live.keys import Keys
from tasktracker_server.live.log import ProgressLog
from tasktracker_server.service.announcing import Announcer
from wire.driver import Driver, Held

Tell = Callable[[Held, list[Change]], None]


@pytest.fixture(scope="module")
def driver(service: Service) -> Iterator[Driver]:
    with httpx.Client(base_url=service.url, timeout=20, trust_env=False) as client:
        yield Driver(client, client)


@pytest.fixture
def held(driver: Driver) -> Held:
    return driver.held("late", "w")


@pytest.fixture
def instance(redis_url: str, redis_prefix: str) -> Tell:
    """Another instance, which tells of changes when they were made long ago."""

    async def tell(changes: list[Change]) -> None:
        client = LiveClient(redis_url)
        announcer = Announcer(ProgressLog(client, Keys(redis_prefix), HistoryLimits(1, 1)))
        for one in changes:
            announcer.changed(one)
        await announcer.aclose()
        await client.aclose()

    return lambda held, changes: asyncio.run(
        tell([one._replace(task_id=held.task_id, timestamp=held.task()["updatedAt"]) for one in changes])
    )


def change(reason: LifecycleReason, attempt: int) -> Change:
    status = "pending" if reason in ("released", "lapsed") else "in_progress"
    return Change("", "late", status, reason, "w", attempt, "", reason == "cancel_requested")


STARTED, RELEASED, CANCELLED = (
    change("started", 1),
    change("released", 1),
    change("cancel_requested", 1),
)
AGAIN = change("claimed", 2)


@pytest.mark.parametrize(
    ("act", "late", "news"),
    [
        (None, [STARTED], [CANCELLED]),
        (None, [STARTED], [RELEASED, AGAIN]),
        ("cancel", [STARTED, CANCELLED], []),
        ("release", [STARTED, RELEASED], [AGAIN]),
    ],
)
def test_only_what_came_after_the_state_shown_first_is_told_after_it(
    held: Held, instance: Tell, act: str | None, late: list[Change], news: list[Change]
) -> None:
    if act is not None:
        held.driver.post(held.task_id, act, {})

    with held.track("?lifecycle=true") as stream:
        shown = stream.take(1)[0].data["reason"]
        instance(held, [*late, *news])
        held.driver.timeout(held.task_id)
        told = [frame.data.get("reason") for frame in stream.rest()]

    assert [shown, *told] == ["current", *(one.reason for one in news), None]
