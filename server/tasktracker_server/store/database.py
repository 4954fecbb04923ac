"""Connections to PostgreSQL, and what to do when a statement fails.

A statement that may have run is repeated, for every statement here is guarded: it finds its own work
done. What cannot be told even so is :class:`OutcomeUnknown`.
"""

import asyncio
import logging
import random
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, LiteralString

import psycopg
from msgspec import Raw
from psycopg import AsyncConnection, errors
from psycopg.abc import Buffer
from psycopg.adapt import Loader
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from tasktracker_server.core.errors import OutcomeUnknown, Overloaded, PostgresUnavailable, Unavailable
from tasktracker_server.store.queries import only_reads, query
from tasktracker_server.store.sockets import cut, has_unread

log = logging.getLogger(__name__)

_PAUSE_AFTER_FAILURE = 0.5
"""Seconds in which nobody else waits for a database that was just found away."""
_TRIES = 4
_CONNECTION_SECONDS = 2.0
"""How long a call waits for a connection."""
_ANSWER_SECONDS = 1.0
"""For a trivial question; and how much longer than PostgreSQL itself we wait for any other."""
_DOUBT_SECONDS = 60.0
"""How long after a loss idle connections are looked at before they are used."""

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


class ConnectionLost(OutcomeUnknown):
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
        PostgresUnavailable: nothing was done; there is no connection, or the server is silent.
        Overloaded: nothing was done; every connection was busy, or PostgreSQL gave up on the statement.
        ConnectionLost: it may have been done, and repeating it failed too.
    """

    def __init__(self, url: str, *, connections: int = 8, statement_timeout: float = 5.0) -> None:
        self._connections = connections
        self._timeout_ms = int(statement_timeout * 1000)
        self._patience = statement_timeout + _ANSWER_SECONDS
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
        self._running = 0
        self._is_away = False
        self._away_until = 0.0
        self._doubted_until = 0.0
        self.on_doubt: Callable[[], None] = lambda: None
        """Called when a change may have been made whose answer was lost, once that is over."""

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
        with _patiently(connection, _ANSWER_SECONDS, lambda: None):
            await connection.execute(
                "select " + ", ".join("set_config(%s, %s, false)" for _ in settings),
                [word for setting in settings for word in setting],
            )

    async def fetch(
        self, name: str, params: Mapping[str, Any], *, repeat: bool = True
    ) -> list[tuple[Any, ...]]:
        """Run a statement; on a lost connection or a deadlock again, unless ``repeat`` is off."""
        lost = False
        try:
            for attempt in range(_TRIES):
                try:
                    return await self._once(query(name), params, self._patience)
                except (
                    errors.SerializationFailure,
                    errors.DeadlockDetected,
                    errors.LockNotAvailable,
                ) as error:
                    log.info("repeating %s: %s", name, error, extra={"action": "statement_repeated"})
                except errors.QueryCanceled as error:
                    raise Overloaded from error
                except ConnectionLost:
                    lost = True
                    if not repeat:
                        raise
                except (PostgresUnavailable, Overloaded) as error:
                    raise _as_lost(name) if lost else error from error
                await asyncio.sleep(random.uniform(0.2, 1.0) * 0.02 * 2**attempt)  # noqa: S311 - jitter
            raise _as_lost(name) if lost else Overloaded()
        finally:
            if lost and not only_reads(name):
                self.on_doubt()

    async def _once(
        self, statement: LiteralString, params: Mapping[str, Any], patience: float
    ) -> list[tuple[Any, ...]]:
        self._enter(patience)
        try:
            while True:
                async with self._pool.connection(timeout=_CONNECTION_SECONDS) as connection:
                    if self._is_stale(connection):
                        await connection.close()
                        continue
                    return await self._execute(connection, statement, params, patience)
        except PoolTimeout as error:
            if self._running >= self._connections:
                raise Overloaded from error
            self._note_away()
            raise PostgresUnavailable from error

    def _enter(self, patience: float) -> None:
        """Refuse at once while the database is away; now and then one statement goes and looks."""
        if self._is_away:
            now = time.monotonic()
            if now < self._away_until:
                raise PostgresUnavailable
            self._away_until = now + patience

    def _note_away(self) -> None:
        self._is_away = True
        self._away_until = time.monotonic() + _PAUSE_AFTER_FAILURE

    def _is_stale(self, connection: AsyncConnection[Any]) -> bool:
        """Whether an idle connection went the way of one that was lost a while ago."""
        return time.monotonic() < self._doubted_until and has_unread(connection)

    async def _execute(
        self,
        connection: AsyncConnection[Any],
        statement: LiteralString,
        params: Mapping[str, Any],
        patience: float,
    ) -> list[tuple[Any, ...]]:
        self._running += 1
        try:
            with _patiently(connection, patience, self._note_away):
                cursor = await connection.execute(statement, params, prepare=True)
                rows = await cursor.fetchall()
        except psycopg.Error as error:
            if _is_lost(connection, error):
                self._doubted_until = time.monotonic() + _DOUBT_SECONDS
                raise ConnectionLost from error
            self._is_away = False
            raise
        finally:
            self._running -= 1
        self._is_away = False
        return rows

    async def answers(self) -> bool:
        """Whether the database answers a trivial question, or is busy answering others."""
        try:
            await self._once("select 1", {}, _ANSWER_SECONDS)
        except Overloaded:
            return True
        except (psycopg.Error, ConnectionLost, PostgresUnavailable):
            return False
        return True


@contextmanager
def _patiently(
    connection: AsyncConnection[Any], seconds: float, give_up: Callable[[], None]
) -> Iterator[None]:
    """Cut the connection, and tell, where the server does not answer in time."""

    def on_silence() -> None:
        give_up()
        cut(connection)

    timer = asyncio.get_running_loop().call_later(seconds, on_silence)
    try:
        yield
    finally:
        timer.cancel()


def _is_lost(connection: AsyncConnection[Any], error: psycopg.Error) -> bool:
    """Whether it was the connection that failed, or the server as a whole, and not the statement."""
    if isinstance(error, errors.ReadOnlySqlTransaction | errors.AdminShutdown | errors.CrashShutdown):
        return True
    return isinstance(error, psycopg.OperationalError) and (connection.broken or error.sqlstate is None)


def _as_lost(name: str) -> Unavailable:
    """What to raise of a statement that no connection survived: one that only reads has done nothing."""
    return PostgresUnavailable() if only_reads(name) else ConnectionLost()
