"""Connections to PostgreSQL, and what to do when a statement fails.

A statement that may have run is repeated, for every statement here is guarded: it finds its own work
done. What cannot be told even so is :class:`OutcomeUnknown`.
"""

import asyncio
import logging
import random
import time
from collections.abc import Mapping
from typing import Any

import psycopg
from msgspec import Raw
from psycopg import AsyncConnection, errors
from psycopg.abc import Buffer
from psycopg.adapt import Loader
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from tasktracker_server.core.errors import Overloaded, PostgresUnavailable
from tasktracker_server.store.queries import query

log = logging.getLogger(__name__)

_PAUSE_AFTER_FAILURE = 0.5
"""Seconds in which nobody else waits for a database that was just found away."""
_TRIES = 4

# Every hot statement finds its rows by index. Plans are made once per connection, perhaps while the
# tables were empty, and must not turn into scans or hash joins when they have grown.
SESSION = (
    ("timezone", "UTC"),
    ("enable_seqscan", "off"),
    ("enable_hashjoin", "off"),
    ("enable_mergejoin", "off"),
    ("enable_material", "off"),
    # Not even to sort what an index has in order: how much a limit leaves of it, no plan knows beforehand.
    ("enable_sort", "off"),
    ("enable_incremental_sort", "off"),
    ("jit", "off"),
    ("plan_cache_mode", "force_generic_plan"),
)


class ConnectionLost(Exception):
    """The connection broke while a statement was under way: it may have been done."""


class _RawJson(Loader):
    def load(self, data: Buffer) -> Raw:
        return Raw(bytes(data))


class _WireTime(Loader):
    """``2026-01-31 12:00:00.12+00`` → ``2026-01-31T12:00:00.120Z``: a time is only ever passed on."""

    def load(self, data: Buffer) -> str:
        text = bytes(data).decode()[:-3]
        fraction = text[20:].ljust(3, "0")
        return f"{text[:10]}T{text[11:19]}.{fraction}Z"


class Database:
    """Runs named statements, each on any connection of the pool and in a transaction of its own.

    Raises:
        PostgresUnavailable: nothing was done.
        Overloaded: nothing was done; no connection was free in time, or it took too long.
        ConnectionLost: it may have been done, and repeating it failed too.
    """

    def __init__(self, url: str, *, connections: int = 8, statement_timeout: float = 5.0) -> None:
        self._timeout_ms = int(statement_timeout * 1000)
        self._pool: AsyncConnectionPool[AsyncConnection[Any]] = AsyncConnectionPool(
            url,
            min_size=min(2, connections),
            max_size=connections,
            open=False,
            configure=self._configure,
            reconnect_timeout=2.0,
            max_lifetime=1800,
            kwargs={"autocommit": True, "prepare_threshold": 0, "connect_timeout": 3},
            name="postgres",
        )
        self._away_until = 0.0

    async def open(self) -> None:
        """Connect in the background; calls wait for it."""
        await self._pool.open(wait=False)

    async def aclose(self) -> None:
        """Close every connection."""
        await self._pool.close(timeout=2)

    async def _configure(self, connection: AsyncConnection[Any]) -> None:
        connection.adapters.register_loader("jsonb", _RawJson)
        connection.adapters.register_loader("timestamptz", _WireTime)
        settings = (*SESSION, ("statement_timeout", str(self._timeout_ms)))
        await connection.execute(
            "select " + ", ".join("set_config(%s, %s, false)" for _ in settings),
            [word for setting in settings for word in setting],
        )

    async def fetch(
        self, name: str, params: Mapping[str, Any], *, repeat: bool = True
    ) -> list[tuple[Any, ...]]:
        """Run a statement; on a lost connection or a deadlock again, unless ``repeat`` is off."""
        lost = False
        for attempt in range(_TRIES):
            try:
                return await self._once(name, params)
            except (errors.SerializationFailure, errors.DeadlockDetected, errors.LockNotAvailable) as error:
                log.info("repeating %s: %s", name, error, extra={"action": "statement_repeated"})
            except errors.QueryCanceled as error:
                raise Overloaded from error
            except ConnectionLost:
                lost = True
                if not repeat:
                    raise
                await self._pool.check()
            except (PostgresUnavailable, Overloaded) as error:
                if lost:
                    raise ConnectionLost from error
                raise
            await asyncio.sleep(random.uniform(0.2, 1.0) * 0.02 * 2**attempt)  # noqa: S311 - jitter
        if lost:
            raise ConnectionLost
        raise Overloaded

    async def _once(self, name: str, params: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        if time.monotonic() < self._away_until:
            raise PostgresUnavailable
        try:
            async with self._pool.connection(timeout=2.0) as connection:
                try:
                    cursor = await connection.execute(query(name), params, prepare=True)
                    return await cursor.fetchall()
                except (errors.ReadOnlySqlTransaction, errors.AdminShutdown, errors.CrashShutdown) as error:
                    raise ConnectionLost from error
                except psycopg.OperationalError as error:
                    if connection.broken or error.sqlstate is None:
                        raise ConnectionLost from error
                    raise
        except PoolTimeout as error:
            if self._pool.get_stats().get("pool_size", 0) > 0 and not self._is_failing():
                raise Overloaded from error
            self._away_until = time.monotonic() + _PAUSE_AFTER_FAILURE
            raise PostgresUnavailable from error

    def _is_failing(self) -> bool:
        stats = self._pool.get_stats()
        return stats.get("pool_available", 0) == 0 and stats.get("connections_errors", 0) > 0

    async def answers(self) -> bool:
        """Whether the database answers a trivial question."""
        try:
            async with self._pool.connection(timeout=1.0) as connection:
                await connection.execute("select 1")
        except (psycopg.Error, PoolTimeout):
            return False
        return True
