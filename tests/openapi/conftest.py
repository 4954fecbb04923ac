from __future__ import annotations

from collections.abc import Iterator

import pytest

from .served import Served


@pytest.fixture(scope="session")
def served(service_urls: list[str]) -> Iterator[Served]:
    made = Served(service_urls)
    yield made
    made.close()
