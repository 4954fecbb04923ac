"""What ``doctor`` asks PostgreSQL."""

import asyncio
import time
from collections.abc import Iterator
from typing import Any, Final

import psycopg

from tasktracker_server.cli.findings import Finding, Level, judged
from tasktracker_server.settings import Settings, masked
from tasktracker_server.store.migrate import pending

OLDEST: Final = 14
SPARE_CONNECTIONS: Final = 5
"""For migrations and for people."""
CLOCK_SECONDS: Final = 1.0
CONNECT_SECONDS: Final = 5


def database_findings(settings: Settings) -> Iterator[Finding]:
    """Reachable, new enough, able to hold any text, up to date, big enough."""
    url = settings.database_url or ""
    try:
        with psycopg.connect(url, connect_timeout=CONNECT_SECONDS, autocommit=True) as connection:
            yield from _answers(connection, settings)
        yield _migrations(url)
    except psycopg.Error as error:
        advice = "Start it, or correct TASK_TRACKER_DATABASE_URL."
        yield Finding(Level.FAIL, "database", f"{masked(url)}: {' '.join(str(error).split())}", advice)


def _answers(connection: psycopg.Connection[Any], settings: Settings) -> Iterator[Finding]:
    shown = masked(settings.database_url or "")
    yield Finding(Level.OK, "database", f"answers at {shown}")
    found = connection.info.server_version // 10_000
    yield judged(found >= OLDEST, "database version", str(found), f"Use PostgreSQL {OLDEST} or newer.")
    encoding = connection.info.parameter_status("server_encoding") or "unknown"
    advice = "Only UTF8 holds any text: create the database with ENCODING 'UTF8' TEMPLATE template0."
    yield judged(encoding == "UTF8", "database encoding", encoding, advice)
    standby = _value(connection, "select pg_is_in_recovery()::text") == "true"
    role = "a standby, which can't be written" if standby else "can be written"
    yield judged(
        not standby, "database role", role, "Name the primary, or add target_session_attrs=read-write."
    )
    durable = all(_value(connection, f"show {name}") != "off" for name in ("fsync", "synchronous_commit"))
    advice = "fsync or synchronous_commit is off: a crash can lose tasks that were acknowledged."
    yield judged(durable, "database durability", "kept" if durable else "given up", advice, Level.WARN)
    yield _connections(connection, settings)
    yield clock_finding(
        "database clock", float(_value(connection, "select extract(epoch from clock_timestamp())"))
    )


def _connections(connection: psycopg.Connection[Any], settings: Settings) -> Finding:
    most = int(_value(connection, "show max_connections"))
    wanted = settings.processes * settings.database_pool_size
    says = f"up to {wanted} of the {most} there are"
    advice = "Lower TASK_TRACKER_DATABASE_POOL_SIZE, or raise PostgreSQL's max_connections."
    return judged(wanted + SPARE_CONNECTIONS <= most, "database connections", says, advice, Level.WARN)


def _migrations(url: str) -> Finding:
    missing = asyncio.run(pending(url))
    says = f"{', '.join(missing)} to be applied" if missing else "up to date"
    return judged(
        not missing, "migrations", says, "Run tasktracker-server migrate; serve does it too.", Level.WARN
    )


def _value(connection: psycopg.Connection[Any], query: Any) -> str:
    row = connection.execute(query).fetchone()
    return "" if row is None else str(row[0])


def clock_finding(subject: str, there: float) -> Finding:
    """How far a clock, just read, is from this machine's."""
    apart = there - time.time()
    says = f"{abs(apart):.3f} s {'ahead' if apart > 0 else 'behind'}"
    advice = "Times in answers come from several clocks; let NTP set them all."
    return judged(abs(apart) <= CLOCK_SECONDS, subject, says, advice, Level.WARN)
