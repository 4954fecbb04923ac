"""The checks behind ``doctor``: each answers findings that say what to do."""

import os
import resource
import sys
import time
from collections.abc import AsyncIterator
from importlib.metadata import version
from typing import Any, Literal, NamedTuple

import psycopg
import redis.asyncio as aioredis
from redis.exceptions import RedisError

from tasktracker_server.settings import Settings, masked
from tasktracker_server.store import migrate

POSTGRES_OLDEST = 140_000
REDIS_OLDEST = 6
CLOCK_SECONDS = 1.0
FILES_LEAST = 4_096
_PACKAGES = ("tornado", "msgspec", "psycopg", "redis", "hiredis", "uvloop")


class Finding(NamedTuple):
    """One line of the report."""

    level: Literal["ok", "warn", "FAIL"]
    subject: str
    message: str


async def findings(settings: Settings) -> AsyncIterator[Finding]:
    """All findings, one by one as they are made."""
    yield _machine()
    yield _open_files()
    async for finding in _postgres(settings.database_url or ""):
        yield finding
    async for finding in _redis(settings.redis_url or ""):
        yield finding


def _machine() -> Finding:
    packages = ", ".join(f"{name} {version(name)}" for name in _PACKAGES)
    return Finding("ok", "versions", f"Python {sys.version.split()[0]}, {packages}, {os.cpu_count()} cores")


def _open_files() -> Finding:
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < FILES_LEAST:
        return Finding(
            "warn", "open files", f"at most {soft} connections and streams; raise it: ulimit -n 65536"
        )
    return Finding("ok", "open files", f"up to {soft}")


def _clock(subject: str, theirs: float) -> Finding:
    off = abs(theirs - time.time())
    if off > CLOCK_SECONDS:
        return Finding("warn", f"{subject} clock", f"{off:.1f} s from this machine's; run NTP on both")
    return Finding("ok", f"{subject} clock", "agrees with this machine's")


async def _postgres(url: str) -> AsyncIterator[Finding]:
    try:
        async with await psycopg.AsyncConnection.connect(
            url, autocommit=True, connect_timeout=5
        ) as connection:
            number = connection.info.server_version
            encoding = connection.info.parameter_status("server_encoding")
            row = await (
                await connection.execute("select extract(epoch from clock_timestamp())::float8")
            ).fetchone()
        missing = await migrate.pending(url)
    except psycopg.Error as error:
        yield Finding(
            "FAIL",
            "PostgreSQL",
            f"{masked(url)} does not answer ({_first_line(error)}); check the URL and the server",
        )
        return
    shown = f"{number // 10_000}.{number % 10_000}"
    if number < POSTGRES_OLDEST:
        yield Finding("FAIL", "PostgreSQL", f"version {shown} is too old; 14 or newer is needed")
    else:
        yield Finding("ok", "PostgreSQL", f"version {shown} at {masked(url)}")
    if encoding == "UTF8":
        yield Finding("ok", "encoding", "UTF8")
    else:
        yield Finding(
            "FAIL", "encoding", f"{encoding} can't hold all text; make the database with encoding UTF8"
        )
    if missing:
        yield Finding(
            "warn", "migrations", f"{', '.join(missing)} not applied; run: tasktracker-server migrate"
        )
    else:
        yield Finding("ok", "migrations", "up to date")
    yield _clock("PostgreSQL", row[0] if row else 0.0)


async def _redis(url: str) -> AsyncIterator[Finding]:
    client = aioredis.Redis.from_url(url, socket_timeout=5, socket_connect_timeout=5)
    try:
        info: dict[str, Any] = await client.info()
        seconds, micros = await client.time()
        policy = await _policy(client)
    except (RedisError, OSError) as error:
        yield Finding(
            "FAIL",
            "Redis",
            f"{masked(url)} does not answer ({_first_line(error)}); check the URL and the server",
        )
        return
    finally:
        await client.aclose()
    name = "Valkey" if "valkey_version" in info else "Redis"
    number = str(info.get("valkey_version", info["redis_version"]))
    if int(number.split(".")[0]) < REDIS_OLDEST:
        yield Finding("FAIL", name, f"version {number} is too old; Redis 6 or newer, or Valkey, is needed")
    else:
        yield Finding("ok", name, f"version {number} at {masked(url)}")
    yield _eviction(policy)
    if info.get("aof_enabled"):
        yield Finding("ok", "append-only file", "on: a restart loses about a second of live progress at most")
    else:
        yield Finding(
            "warn", "append-only file", "off: a restart loses live progress (told as gap); set appendonly yes"
        )
    yield _clock(name, seconds + micros / 1e6)


async def _policy(client: Any) -> str | None:
    """The eviction policy; managed services may keep it to themselves."""
    try:
        found: dict[str, str] = await client.config_get("maxmemory-policy")
    except RedisError:
        return None
    return found.get("maxmemory-policy")


def _eviction(policy: str | None) -> Finding:
    if policy is None:
        return Finding("warn", "eviction", "could not be read; see that maxmemory-policy is noeviction")
    if policy != "noeviction":
        return Finding(
            "FAIL", "eviction", f"{policy} may throw live progress away; set maxmemory-policy noeviction"
        )
    return Finding("ok", "eviction", "noeviction")


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
