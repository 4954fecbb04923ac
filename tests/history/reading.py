"""Reads what is left at the end of a run."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import Sequence
from typing import Any, Final

import msgspec
import psycopg
import redis
from psycopg.rows import class_row

from services import wait_for
from tasktracker_schema.routes import BASE_PATH

from .connection import Connection
from .finals import Entry, Finals, Row, Shown
from .record import Json

READERS: Final = 8
KEYS_GONE_SECONDS: Final = 10.0
_ROWS: Final = """
    select id, task_type, status, attempt, worker_id, result, error, original_task_id, retry_count,
           max_retries, max_attempts, extract(epoch from created_at)::float8 as created_at,
           extract(epoch from completed_at)::float8 as completed_at,
           extract(epoch from timeout_at)::float8 as timeout_at,
           extract(epoch from cancel_requested_at)::float8 as cancel_requested_at,
           new_task_id, history_upto, lost_to, live_debt
    from tracker_tasks"""


async def read_finals(urls: Sequence[str], database_url: str, redis_url: str, prefix: str) -> Finals:
    """The tables, what each task looks like to readers of any instance, and the keys that are left."""
    keys = await asyncio.to_thread(_keys, redis_url, prefix)
    monotonic_at_epoch = time.monotonic() - time.time()
    with psycopg.connect(database_url) as database:
        rows = {row.id: row for row in database.cursor(row_factory=class_row(Row)).execute(_ROWS)}
        entries: defaultdict[str, list[Entry]] = defaultdict(list)
        stored = database.execute(
            "select task_id, seq_id, attempt, data from tracker_progress_entries order by task_id, seq_id"
        )
        for task_id, seq_id, attempt, data in stored:
            entries[task_id].append(Entry(seq_id, attempt, data))
    got: dict[str, Shown] = {}
    tracked: dict[str, Shown] = {}
    task_ids = list(rows)
    await asyncio.gather(
        *(_read(urls[at % len(urls)], task_ids[at::READERS], got, tracked) for at in range(READERS))
    )
    return Finals(rows, dict(entries), got, tracked, keys, monotonic_at_epoch)


def _keys(redis_url: str, prefix: str) -> list[str]:
    """Keys that no time to live will remove; what is just being closed is given a moment."""
    with redis.Redis.from_url(redis_url) as store:

        def left() -> list[str]:
            found = [key for key in store.scan_iter(f"{prefix}:*", count=1000) if b"live-index" not in key]
            return [key.decode() for key in found if store.ttl(key) == -1]

        wait_for(lambda: not left(), KEYS_GONE_SECONDS)
        return left()


async def _read(url: str, task_ids: Sequence[str], got: dict[str, Shown], tracked: dict[str, Shown]) -> None:
    async with Connection(url) as connection:
        for task_id in task_ids:
            status, body = await connection.get(f"{BASE_PATH}/{task_id}")
            if status == 200:
                got[task_id] = _got(msgspec.json.decode(body))
            status, body = await connection.get(f"{BASE_PATH}/{task_id}/track")
            if status == 200:
                tracked[task_id] = _tracked(body)


def _got(task: Json) -> Shown:
    outcome = task["result"] if task["status"] == "completed" else task["error"]
    return Shown(task["status"], outcome, task["progressHistory"])


def _tracked(stream: bytes) -> Shown:
    entries: list[Json] = []
    shown = Shown(None, None, entries)
    for line in stream.split(b"\n"):
        if not line.startswith(b"data: "):
            continue
        event = msgspec.json.decode(line[len(b"data: ") :])
        data: Any = event["data"]
        if event["event"] == "progress":
            entries.append(data)
        elif event["event"] == "gap":
            shown.gaps.append(data)
        else:
            shown.status, shown.outcome = data["status"], data.get("result", data.get("error"))
    return shown
