"""Many callers, two instances, and everything that goes wrong between them: the promises hold."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Final

import pytest

from services import Databases, Service, own_keys

from .checker import counts, violations
from .finals import Finals
from .operations import History
from .storm import Deployment, Plan, run
from .violations import excerpt

TROUBLES: Final = (
    "without an answer",
    "repeated",
    "later attempts",
    "stale writes refused",
    "retries",
    "cancelled",
)


@pytest.fixture
def deployment(databases: Databases, redis_url: str, own_name: str) -> Iterator[Deployment]:
    """Two instances that share a PostgreSQL and a Redis."""
    with ExitStack() as started:
        database_url = started.enter_context(databases.one())
        prefix = started.enter_context(own_keys(redis_url, f"{own_name}:history"))
        urls = [
            started.enter_context(Service(database_url, redis_url, redis_prefix=prefix)).url for _ in range(2)
        ]
        yield Deployment(urls, database_url, redis_url, prefix)


@pytest.fixture
def tell(request: pytest.FixtureRequest) -> Callable[[str], None]:
    """Tells how far it is, also while output is captured."""
    capture = request.config.pluginmanager.getplugin("capturemanager")
    assert capture is not None

    def say(text: str) -> None:
        with capture.global_and_fixture_disabled():
            print(f"\nhistory: {text}", end="", flush=True)  # noqa: T201

    return say


def _seed(request: pytest.FixtureRequest) -> int:
    given: int | None = request.config.getoption("--history-seed", None)
    return random.SystemRandom().randrange(1_000_000) if given is None else given


def _assert_all_promises(history: History, finals: Finals, plan: Plan, folder: Path) -> None:
    found = violations(history, finals)
    if found:
        told = [f"{len(found)} violations with {plan}; the record is in {folder}"]
        told += [f"{one.promise}: {one.task_id}: {one.what}" for one in found[:20]]
        told.append(excerpt(history, finals, found[0].task_id))
        pytest.fail("\n".join(told), pytrace=False)


def _assert_it_was_a_storm(counted: dict[str, int]) -> None:
    for what in TROUBLES:
        assert counted[what] > 0, f"nothing was {what}: {counted}"


def test_a_short_storm_breaks_no_promise(
    deployment: Deployment, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    plan = Plan(_seed(request), operations=2_000, processes=2, at_most_seconds=12)

    history, finals = run(deployment, plan, tmp_path, lambda text: None)

    _assert_all_promises(history, finals, plan, tmp_path)
    _assert_it_was_a_storm(counts(history, finals))


@pytest.mark.slow
def test_a_long_storm_breaks_no_promise(
    deployment: Deployment, request: pytest.FixtureRequest, tmp_path: Path, tell: Callable[[str], None]
) -> None:
    operations: int = request.config.getoption("--history-operations", 200_000)
    plan = Plan(_seed(request), operations, processes=3, at_most_seconds=3600)
    began = time.monotonic()

    tell(f"{plan}")
    history, finals = run(deployment, plan, tmp_path, tell)
    counted = counts(history, finals)
    tell(f"done in {time.monotonic() - began:.0f} s")
    for what, count in counted.items():
        tell(f"{count:10,} {what}")

    _assert_all_promises(history, finals, plan, tmp_path)
    _assert_it_was_a_storm(counted)
