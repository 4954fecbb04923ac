"""The service under test, as the machine calls it."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from wire.driver import Driver

from .calls import HttpCalls


@pytest.fixture(scope="session")
def calls(service_urls: list[str]) -> Iterator[HttpCalls]:
    """Writes go to the first instance, reads to the last."""
    with (
        httpx.Client(base_url=service_urls[0], trust_env=False, timeout=30) as write,
        httpx.Client(base_url=service_urls[-1], trust_env=False, timeout=30) as read,
    ):
        yield HttpCalls(Driver(write, read))
