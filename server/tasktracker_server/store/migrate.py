"""Brings a database to the schema of this version: numbered files, each once, under an advisory lock."""

import logging
from importlib import resources
from typing import Any, LiteralString

from psycopg import AsyncConnection

log = logging.getLogger(__name__)

_LOCK = 0x7461736B  # "task": one migration at a time, however many processes start


async def migrate(database_url: str) -> list[str]:
    """Apply what is missing and return its names; safe when several processes start at once.

    Raises:
        psycopg.Error: the database does not answer, or refuses a change (nothing is half applied).
    """
    async with await AsyncConnection.connect(database_url, autocommit=True, connect_timeout=10) as connection:
        await connection.execute("set client_min_messages = warning")
        await connection.execute("select pg_advisory_lock(%s)", (_LOCK,))
        try:
            return await _apply_missing(connection)
        finally:
            await connection.execute("select pg_advisory_unlock(%s)", (_LOCK,))


async def pending(database_url: str) -> list[str]:
    """Names of migrations that this version has and the database lacks."""
    async with await AsyncConnection.connect(database_url, autocommit=True, connect_timeout=10) as connection:
        cursor = await connection.execute("select to_regclass('tracker_migrations')")
        row = await cursor.fetchone()
        applied = set() if row is None or row[0] is None else await _applied(connection)
    return [name for name in available() if name not in applied]


def available() -> list[str]:
    """Names of this version's migrations, in order."""
    folder = resources.files(__package__).joinpath("migrations")
    return sorted(
        entry.name.removesuffix(".sql") for entry in folder.iterdir() if entry.name.endswith(".sql")
    )


async def _apply_missing(connection: AsyncConnection[Any]) -> list[str]:
    await connection.execute(
        "create table if not exists tracker_migrations"
        " (name text primary key, applied_at timestamptz not null default now())"
    )
    done = await _applied(connection)
    missing = [name for name in available() if name not in done]
    for name in missing:
        async with connection.transaction():
            await connection.execute(_source(name))
            await connection.execute("insert into tracker_migrations (name) values (%s)", (name,))
        log.info("applied migration %s", name, extra={"action": "migrated"})
    return missing


async def _applied(connection: AsyncConnection[Any]) -> set[str]:
    cursor = await connection.execute("select name from tracker_migrations")
    return {row[0] for row in await cursor.fetchall()}


def _source(name: str) -> LiteralString:
    """The text of a migration: a file of this package alone."""
    return resources.files(__package__).joinpath("migrations", f"{name}.sql").read_text()
