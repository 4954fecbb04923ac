"""A whole service within the test's own process."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import pytest

from tasktracker_server import app
from tasktracker_server.service.service import Service
from tasktracker_server.settings import Settings

T = TypeVar("T")


@pytest.fixture
def within(
    database_url: str, redis_url: str, redis_prefix: str
) -> Callable[[Callable[[Service], Awaitable[T]]], T]:
    """Runs a story in a service that listens to nobody."""
    settings = Settings(database_url=database_url, redis_url=redis_url, redis_prefix=redis_prefix)

    async def run(story: Callable[[Service], Awaitable[T]]) -> T:
        async with app._service(settings) as service:
            return await story(service)

    return lambda story: asyncio.run(run(story))
