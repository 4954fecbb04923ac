"""The service as a real process, and databases of one's own: what tests that need them start."""

import asyncio
import itertools
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Final, NamedTuple, Self
from urllib.parse import urlsplit, urlunsplit

import psutil  # type: ignore[import-untyped]
import psycopg
import redis
from psycopg import sql

from tasktracker_server import embedded
from tasktracker_server.store.migrate import migrate

READY_SECONDS: Final = 60.0
"""Long: many start at once on a small machine."""
STOP_SECONDS: Final = 30.0


def free_port() -> int:
    """A port where nobody listens just now."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
    return port


class PairNotThere(Exception):
    """The stores that were asked for do not answer."""


class Pair(NamedTuple):
    """A PostgreSQL and a Redis to make databases and keys of one's own in."""

    database_url: str
    """A database to connect to for making others."""
    redis_url: str


@contextmanager
def embedded_pair(folder: Path) -> Iterator[Pair]:
    """The embedded stores; every process that names the same folder shares them."""
    with embedded.running(folder, durable=False) as stores:
        yield Pair(stores.database_url, stores.redis_url)


def machine_pair(environ: Mapping[str, str]) -> Pair:
    """The stores of this machine; only databases and keys that a test made are ever removed there."""
    pair = Pair(
        environ.get("TASK_TRACKER_TEST_DATABASE_URL", "postgresql://postgres@127.0.0.1:5432/test"),
        environ.get("TASK_TRACKER_TEST_REDIS_URL", "redis://127.0.0.1:6379/9"),
    )
    try:
        psycopg.connect(pair.database_url, connect_timeout=5).close()
        with redis.Redis.from_url(pair.redis_url, socket_timeout=5) as client:
            client.ping()
    except (psycopg.OperationalError, redis.RedisError) as error:
        raise PairNotThere(str(error).strip()) from error
    return pair


class Databases:
    """Makes databases as copies of one that was migrated once."""

    def __init__(self, admin_url: str, name: str) -> None:
        self._admin_url = admin_url
        self._name = name
        self._numbers = itertools.count(1)
        self._template = f"{name}_template"
        self._create(sql.SQL("create database {}").format(sql.Identifier(self._template)))
        asyncio.run(migrate(self.url(self._template)))

    def url(self, database: str) -> str:
        """The URL of a database on this server."""
        return urlunsplit(urlsplit(self._admin_url)._replace(path=f"/{database}"))

    @contextmanager
    def one(self, *, empty: bool = False) -> Iterator[str]:
        """A fresh database, migrated unless ``empty``; removed afterwards, whoever still is connected."""
        name = f"{self._name}_{next(self._numbers)}"
        template = sql.SQL("") if empty else sql.SQL(" template {}").format(sql.Identifier(self._template))
        self._create(sql.SQL("create database {}{}").format(sql.Identifier(name), template))
        try:
            yield self.url(name)
        finally:
            self._drop(name)

    def close(self) -> None:
        """Remove the template."""
        self._drop(self._template)

    def _drop(self, name: str) -> None:
        self._create(sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(name)))

    def _create(self, statement: sql.Composed) -> None:
        with psycopg.connect(self._admin_url, autocommit=True) as connection:
            connection.execute(statement)


@contextmanager
def own_keys(redis_url: str, prefix: str) -> Iterator[str]:
    """A key prefix; everything under it is removed afterwards, and nothing else."""
    try:
        yield prefix
    finally:
        with redis.Redis.from_url(redis_url) as client:
            for key in client.scan_iter(match=f"{prefix}:*", count=1000):
                client.delete(key)


def lose_keys(redis_url: str, prefix: str) -> None:
    """What is left after a Redis that came back empty: nothing under the prefix, and no scripts."""
    with redis.Redis.from_url(redis_url) as store:
        if keys := list(store.scan_iter(f"{prefix}:*")):
            store.delete(*keys)
        store.script_flush()


class Service:
    """``tasktracker-server serve`` as a process of its own; a ``with`` block starts and stops it.

    Leaving the block by an exception kills it, so that the test's own failure is what is told.
    """

    def __init__(
        self,
        database_url: str,
        redis_url: str,
        *,
        processes: int = 1,
        port: int = 0,
        redis_prefix: str = "team9:tracker",
        env: Mapping[str, str] | None = None,
    ) -> None:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("TASK_TRACKER_")}
        self._env = kept | {
            "TASK_TRACKER_DATABASE_URL": database_url,
            "TASK_TRACKER_REDIS_URL": redis_url,
            "TASK_TRACKER_PROCESSES": str(processes),
            "TASK_TRACKER_PORT": str(port),
            "TASK_TRACKER_REDIS_PREFIX": redis_prefix,
            **(env or {}),
        }
        self._process: subprocess.Popen[bytes] | None = None
        self._is_ending = False
        self._told: Path | None = None
        self.url = ""
        """Where it listens; the same again after ``start`` only with a ``port``."""

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process is None:
            return
        if kind is None:
            self.stop()
        else:
            self.kill()

    def start(self) -> None:
        """Start it and wait until it listens."""
        handle, name = tempfile.mkstemp(prefix="tasktracker-service-", suffix=".log")
        self._told = Path(name)
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "tasktracker_server", "serve"],
            stdin=subprocess.DEVNULL,
            stdout=handle,
            stderr=handle,
            env=self._env,
            start_new_session=True,
        )
        os.close(handle)
        process = self._process
        wait_for(lambda: bool(self._ready_line()) or process.poll() is not None, READY_SECONDS)
        if not self._ready_line():
            logs = self.logs()
            self.kill()
            raise AssertionError(f"the service did not get ready; it told:\n{logs}")
        self.url = self._ready_line()

    def terminate(self) -> None:
        """Ask it to end, as an operator would: once, for a second time would be an order."""
        if not self._is_ending:
            self._is_ending = True
            self._running().send_signal(signal.SIGTERM)

    def stop(self) -> None:
        """End it as an operator would; it has to end well and in time."""
        process, children = self._running(), self._children()
        self.terminate()
        try:
            code = process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            code = None
        logs = self.logs()
        self._clean_up(process, children)
        assert code == 0, f"the service ended with {code}; it told:\n{logs}"

    def kill(self) -> None:
        """End it, and its children, the hard way."""
        process, children = self._running(), self._children()
        self._clean_up(process, children)

    @property
    def pid(self) -> int:
        """Of the process that was started."""
        return self._running().pid

    @property
    def worker_pids(self) -> list[int]:
        """Of those that answer requests: its children, or itself if it has none."""
        return [child.pid for child in self._children()] or [self.pid]

    def logs(self) -> str:
        """All it told so far, on stdout and stderr."""
        return "" if self._told is None else self._told.read_text(errors="replace")

    def _ready_line(self) -> str:
        found = (line for line in self.logs().splitlines(keepends=True) if line.startswith("listening on "))
        return next((line.split()[-1] for line in found if line.endswith("\n")), "")

    def _running(self) -> subprocess.Popen[bytes]:
        assert self._process is not None, "the service is not running"
        return self._process

    def _children(self) -> list[psutil.Process]:
        try:
            found: list[psutil.Process] = psutil.Process(self._running().pid).children(recursive=True)
        except psutil.NoSuchProcess:
            return []
        return found

    def _clean_up(self, process: subprocess.Popen[bytes], children: list[psutil.Process]) -> None:
        process.kill()
        for child in children:
            try:
                child.kill()
            except psutil.NoSuchProcess:
                continue
        process.wait(STOP_SECONDS)
        psutil.wait_procs(children, timeout=STOP_SECONDS)
        self._process = None
        self._is_ending = False
        if self._told is not None:
            self._told.unlink(missing_ok=True)
            self._told = None


def wait_for(condition: Callable[[], bool], seconds: float) -> bool:
    """Look until the condition holds or the time is over; whether it holds."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def cut_bus(service: Service, redis_url: str) -> None:
    """Close the connections on which this service listens to Redis, and nobody else's."""
    names = {f"tasktracker:{pid}" for pid in service.worker_pids}
    with redis.Redis.from_url(redis_url) as client:
        own = [one["id"] for one in client.client_list(_type="pubsub") if one["name"] in names]
        assert own, "the service does not listen"
        for number in own:
            client.client_kill_filter(_id=number)
