"""Stores of a test's own, to be killed, frozen, and brought back as they were before."""

import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final, TypeVar

import psutil  # type: ignore[import-untyped]
import redis

from services import wait_for
from tasktracker_server.embedded import locks
from tasktracker_server.embedded.accounts import Account
from tasktracker_server.embedded.places import open_data_dir
from tasktracker_server.embedded.postgres import Postgres
from tasktracker_server.embedded.store import Store
from tasktracker_server.embedded.valkey import Valkey

SECONDS: Final = 30.0
JANITOR_SECONDS: Final = 30
AnyStore = TypeVar("AnyStore", bound="OwnStore")


class OwnStore:
    """One embedded server that nobody starts again but the test."""

    kind: type[Store]
    durable: bool

    def __init__(self, folder: Path) -> None:
        data_dir = open_data_dir(folder)
        self._store = self.kind(data_dir, Account.of(data_dir), durable=self.durable)
        self._held = [locks.hold(lock, shared=True) for lock in (self._store.users, self._store.life)]
        self.start()
        self.url = self._store.url

    def start(self) -> None:
        """Start it on what is left of its data."""
        self._store.ensure()

    def stop(self) -> None:
        """End it in order."""
        self._store.stop()

    def kill(self) -> None:
        """End it the hard way, with all its processes."""
        self._send(signal.SIGKILL)
        assert wait_for(lambda: not self._store.is_running(), SECONDS)

    def freeze(self) -> None:
        """It keeps its connections and does nothing."""
        self._send(signal.SIGSTOP)

    def thaw(self) -> None:
        self._send(signal.SIGCONT)

    @contextmanager
    def frozen(self) -> Iterator[None]:
        self.freeze()
        try:
            yield
        finally:
            self.thaw()

    def leave(self) -> None:
        """End it, whatever state it is in."""
        if self._store.is_running():
            self.kill()
        if self._store.socket_dir != self._store.folder:
            shutil.rmtree(self._store.socket_dir)
        for lock in self._held:
            os.close(lock)

    def _send(self, sign: signal.Signals) -> None:
        """To its main process first, so that it starts no other meanwhile."""
        pid = self._store.pid()
        assert pid is not None
        main = psutil.Process(pid)
        for process in (main, *main.children(recursive=True)):
            with suppress(psutil.NoSuchProcess):
                process.send_signal(sign)


class OwnRedis(OwnStore):
    """A Valkey that keeps nothing on disk but what ``remember`` put there."""

    kind = Valkey
    durable = False

    def remember(self) -> None:
        """Keep the data as they are now, to come back after the next start."""
        with self.client() as client:
            client.save()

    def lose_everything(self) -> None:
        with self.client() as client:
            client.flushall()

    def client(self) -> "redis.Redis":
        """A client of its own; a ``with`` block closes it."""
        return redis.Redis.from_url(self.url)


class OwnPostgres(OwnStore):
    """A PostgreSQL that keeps what it committed."""

    kind = Postgres
    durable = True


def grow_old(client: "redis.Redis", prefix: str) -> None:
    """Pass over the time for which the janitor leaves a live log alone."""
    index = f"{prefix}:live-index"
    for task_id, checked in client.zscan_iter(index):
        client.zadd(index, {task_id: checked - JANITOR_SECONDS})


def keys_left(client: "redis.Redis", prefix: str) -> set[bytes]:
    """What no ended task may leave: everything but tombstones, which expire within a minute."""
    found = set(client.scan_iter(f"{prefix}:*", count=1000))
    return found - {key for key in found if 0 < client.ttl(key) <= 60 and client.hget(key, "s") == b"x"}


@contextmanager
def own(kind: type[AnyStore]) -> Iterator[AnyStore]:
    """A store for the length of a block."""
    folder = Path(tempfile.mkdtemp(prefix="tasktracker-own-"))
    folder.chmod(0o711)
    store = kind(folder / "data")
    try:
        yield store
    finally:
        store.leave()
        shutil.rmtree(folder, ignore_errors=True)
