"""Processes that use embedded stores, and looks at what is left of those."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final
from urllib.parse import unquote

import psycopg
import redis

from services import wait_for
from tasktracker_server import embedded

SECONDS: Final = 30.0

USER: Final = """
import sys
from pathlib import Path
from tasktracker_server import embedded
with embedded.running(Path(sys.argv[1]), durable=sys.argv[2] == "durable") as stores:
    print(stores.database_url, stores.redis_url, flush=True)
    sys.stdin.read()
"""


class User:
    """Another process that uses the stores."""

    def __init__(self, data_dir: Path, *, durable: bool = False) -> None:
        how = "durable" if durable else "fleeting"
        self.process = subprocess.Popen(
            [sys.executable, "-P", "-c", USER, str(data_dir), how],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
        assert self.process.stdout is not None
        told = self.process.stdout.readline().decode().split()
        self.stores = embedded.Stores(*told)

    def leave(self) -> None:
        self.process.communicate(timeout=SECONDS)
        assert self.process.returncode == 0

    def be_killed(self) -> None:
        self.process.kill()
        self.process.communicate(timeout=SECONDS)


@contextmanager
def user(data_dir: Path, *, durable: bool = False) -> Iterator[User]:
    started = User(data_dir, durable=durable)
    try:
        yield started
    finally:
        started.process.kill()
        started.process.communicate(timeout=SECONDS)


def pid_of(data_dir: Path, store: str) -> int:
    file = {"postgres": "postmaster.pid", "valkey": "valkey.pid"}[store]
    return int((data_dir / store / file).read_text().split("\n")[0])


def socket_folder(stores: embedded.Stores, store: str) -> Path:
    """Where the URL says that the store's socket is."""
    if store == "postgres":
        return Path(unquote(stores.database_url.partition("?host=")[2]))
    return Path(unquote(stores.redis_url.removeprefix("unix://"))).parent


def running_pids(data_dir: Path) -> list[int]:
    """The stores of the directory that run; a zombie does not."""
    found = []
    for store in ("postgres", "valkey"):
        with suppress(FileNotFoundError, ValueError):
            pid = pid_of(data_dir, store)
            if "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2][:3]:
                found.append(pid)
    return found


def remember(stores: embedded.Stores, word: str) -> None:
    with psycopg.connect(stores.database_url) as connection:
        connection.execute("create table if not exists words (word text)")
        connection.execute("insert into words values (%s)", [word])
    with redis.Redis.from_url(stores.redis_url) as client:
        client.rpush("words", word)


def remembered(stores: embedded.Stores) -> tuple[list[str], list[str]]:
    with psycopg.connect(stores.database_url) as connection:
        rows = connection.execute("select word from words").fetchall()
    with redis.Redis.from_url(stores.redis_url, decode_responses=True) as client:
        words: list[str] = client.lrange("words", 0, -1)
    return [row[0] for row in rows], words


def answers(work: Callable[[], object]) -> bool:
    try:
        work()
    except (psycopg.Error, redis.RedisError, OSError):
        return False
    return True


def command_of(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text()
    except FileNotFoundError:
        return ""


def wait_for_disk(stores: embedded.Stores) -> None:
    """Until Valkey has written what it acknowledged: it does so every second."""
    with redis.Redis.from_url(stores.redis_url) as client:
        assert wait_for(lambda: client.info("persistence")["aof_pending_bio_fsync"] == 0, SECONDS)
        client.execute_command("WAITAOF", 1, 0, 5000)
