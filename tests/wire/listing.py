"""Pages of the task list, read from whichever instance answers reads."""

from __future__ import annotations

from typing import Any

import httpx

from .driver import TASKS, Driver, Json


def listed(driver: Driver, **query: Any) -> httpx.Response:
    """One page; a list of values repeats its parameter."""
    return driver.read.get(TASKS, params=query)


def page(driver: Driver, **query: Any) -> Json:
    """What a page holds."""
    answer = listed(driver, **query)
    assert answer.status_code == 200, answer.text
    found: Json = answer.json()
    assert set(found) == {"tasks", "nextCursor"}
    return found


def walk(driver: Driver, **query: Any) -> list[list[Json]]:
    """Every page of a list, from the start or a cursor to its end."""
    pages: list[list[Json]] = []
    while True:
        found = page(driver, **query)
        pages.append(found["tasks"])
        if found["nextCursor"] is None:
            return pages
        query["cursor"] = found["nextCursor"]
        assert len(pages) < 1_000, "the list does not end"


def rows(driver: Driver, **query: Any) -> list[Json]:
    """All rows of a list."""
    return [row for found in walk(driver, **query) for row in found]


def ids(found: list[Json]) -> list[str]:
    return [row["id"] for row in found]
