"""Stores, databases and services for tests.

``--pair`` chooses the stores: embedded ones that live as long as the run (all workers share them), or
those of this machine. ``--topology`` chooses what stands behind ``service_urls``.
"""

import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import settings

from embedding import SECONDS, running_pids
from services import Databases, Pair, PairNotThere, Service, embedded_pair, machine_pair, own_keys, wait_for

# How long an example takes says something about the machine only.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")

NOT_THERE = "PAIR NOT THERE: "
_folder = pytest.StashKey[Path]()
_run = pytest.StashKey[str]()


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("tasktracker")
    group.addoption("--pair", choices=("embedded", "machine"), default="embedded", help="Stores to test on.")
    group.addoption(
        "--topology",
        choices=("one", "processes", "instances"),
        default="one",
        help="Behind service_urls: one process, two on one port, or two services on two ports.",
    )


def pytest_configure(config: pytest.Config) -> None:
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        # So a shell leaves it to what runs in the background, and every process that a test starts would too.
        signal.signal(signal.SIGINT, signal.default_int_handler)
    given: dict[str, Any] | None = getattr(config, "workerinput", None)
    if given is None:
        folder = Path(tempfile.mkdtemp(prefix="tasktracker-tests-"))
        # Run by root, PostgreSQL gets a user of its own, who has to pass through here.
        folder.chmod(0o711 if os.geteuid() == 0 else 0o700)
        config.stash[_folder], config.stash[_run] = folder, uuid4().hex[:8]
    else:
        config.stash[_folder], config.stash[_run] = Path(given["stores_folder"]), given["stores_run"]


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    node.workerinput["stores_folder"] = str(node.config.stash[_folder])
    node.workerinput["stores_run"] = node.config.stash[_run]


def pytest_unconfigure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput") and _folder in config.stash:
        shutil.rmtree(config.stash[_folder], ignore_errors=True)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> Iterator[None]:
    yield
    skipped = terminalreporter.stats.get("skipped", [])
    reasons = {text for report in skipped if NOT_THERE in (text := str(report.longrepr))}
    if reasons:
        reason = min(reasons).partition(NOT_THERE)[2].split("\\n")[0].strip("')")
        terminalreporter.write_line(f"{NOT_THERE}{len(skipped)} tests skipped: {reason}", red=True, bold=True)


@pytest.fixture(scope="session")
def stores(pytestconfig: pytest.Config) -> Iterator[Pair]:
    """The PostgreSQL and the Redis under test; ``database_url`` is for making databases."""
    if pytestconfig.getoption("--pair") == "embedded":
        with embedded_pair(pytestconfig.stash[_folder]) as pair:
            yield pair
        return
    try:
        pair = machine_pair(os.environ)
    except PairNotThere as error:
        pytest.skip(f"{NOT_THERE}{error}")
    yield pair


@pytest.fixture
def data_dir() -> Iterator[Path]:
    """A place for data that the stores' own user can reach."""
    folder = Path(tempfile.mkdtemp(prefix="tasktracker-embedded-"))
    folder.chmod(0o711)
    yield folder / "data"
    assert wait_for(lambda: not running_pids(folder / "data"), SECONDS)
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def own_name(pytestconfig: pytest.Config) -> str:
    """A name that no other run and no other worker uses."""
    worker = getattr(pytestconfig, "workerinput", {}).get("workerid", "main")
    return f"tasktracker_test_{pytestconfig.stash[_run]}_{worker}"


@pytest.fixture(scope="session")
def databases(stores: Pair, own_name: str) -> Iterator[Databases]:
    """Makes databases; ``with databases.one() as url``."""
    made = Databases(stores.database_url, own_name)
    yield made
    made.close()


@pytest.fixture(scope="module")
def database_url(databases: Databases) -> Iterator[str]:
    """A migrated database for this module alone."""
    with databases.one() as url:
        yield url


@pytest.fixture(scope="session")
def redis_url(stores: Pair) -> str:
    """The Redis under test; write below ``redis_prefix`` only."""
    return stores.redis_url


@pytest.fixture(scope="module")
def redis_prefix(redis_url: str, own_name: str) -> Iterator[str]:
    """A key prefix for this module alone."""
    with own_keys(redis_url, f"{own_name}:{uuid4().hex[:8]}") as prefix:
        yield prefix


@pytest.fixture(scope="module")
def service(database_url: str, redis_url: str, redis_prefix: str) -> Iterator[Service]:
    """The service, in one process, for this module alone."""
    with Service(database_url, redis_url, redis_prefix=redis_prefix) as started:
        yield started


@pytest.fixture(scope="session")
def service_urls(
    pytestconfig: pytest.Config, databases: Databases, redis_url: str, own_name: str
) -> Iterator[list[str]]:
    """One or two URLs of one deployment, as ``--topology`` says."""
    topology = pytestconfig.getoption("--topology")
    with ExitStack() as started:
        database_url = started.enter_context(databases.one())
        prefix = started.enter_context(own_keys(redis_url, f"{own_name}:service"))
        services = [
            started.enter_context(
                Service(
                    database_url,
                    redis_url,
                    redis_prefix=prefix,
                    processes=2 if topology == "processes" else 1,
                )
            )
            for _ in range(2 if topology == "instances" else 1)
        ]
        yield [each.url for each in services]
