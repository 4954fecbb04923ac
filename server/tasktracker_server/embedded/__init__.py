"""PostgreSQL and Valkey out of wheels, for a first try, for one machine and for tests.

Durable and shared: a second process on the same data directory uses the stores that run already, and
they stop when the last one leaves.
"""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

from tasktracker_server.embedded.errors import EmbeddedError, NotInstalled
from tasktracker_server.embedded.locks import mark_ephemeral
from tasktracker_server.embedded.places import check_place, open_reachable
from tasktracker_server.embedded.postgres import Postgres
from tasktracker_server.embedded.sharing import Share
from tasktracker_server.embedded.store import Store
from tasktracker_server.embedded.valkey import Valkey

__all__ = ["EmbeddedError", "NotInstalled", "Stores", "check_place", "ephemeral", "holds_stores", "running"]


class Stores(NamedTuple):
    """Where the stores can be reached; empty for one that was not asked for."""

    database_url: str
    redis_url: str


def holds_stores(data_dir: Path) -> bool:
    """Whether stores were made there before."""
    return any(os.path.isdir(data_dir.expanduser() / kind.name) for kind in (Postgres, Valkey))


@contextmanager
def running(
    data_dir: Path, *, postgres: bool = True, redis: bool = True, durable: bool = True
) -> Iterator[Stores]:
    """The stores of a data directory, ready for use; started if nobody uses them yet.

    Raises:
        EmbeddedError: they can't run here.
    """
    folder, account = open_reachable(data_dir)
    wanted: dict[type[Store], bool] = {Postgres: postgres, Valkey: redis}
    with ExitStack() as shares:
        urls: dict[type[Store], str] = {}
        for kind in (kind for kind, is_wanted in wanted.items() if is_wanted):
            store = kind(folder, account, durable=durable)
            shares.enter_context(Share(store))
            urls[kind] = store.url
        yield Stores(urls.get(Postgres, ""), urls.get(Valkey, ""))


@contextmanager
def ephemeral(*, postgres: bool = True, redis: bool = True, durable: bool = False) -> Iterator[Stores]:
    """Stores on a temporary directory that is removed afterwards, by default without waiting for disks."""
    folder = Path(tempfile.mkdtemp(prefix="tasktracker-"))
    if os.geteuid() == 0:
        folder.chmod(0o711)
    mark_ephemeral(folder)
    try:
        with running(folder, postgres=postgres, redis=redis, durable=durable) as stores:
            yield stores
    finally:
        shutil.rmtree(folder, ignore_errors=True)
