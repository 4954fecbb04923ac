"""Progress whose look-up in PostgreSQL is lost: nothing was appended, and that is what is told."""

import asyncio
from collections.abc import Callable
from typing import Any

import psycopg

from tasktracker_schema.answers import ReportedProgress
from tasktracker_schema.requests import CompleteTask, RegisterTask, StartTask
from tasktracker_server.core.errors import PostgresUnavailable, TrackerError
from tasktracker_server.core.opaque import Entry
from tasktracker_server.service.service import Service

ENTRY = Entry(None, b"{}")
CUT_WHO_WAIT = """
    select pg_terminate_backend(pid) from pg_stat_activity
    where datname = current_database() and wait_event_type = 'Lock'
"""


async def held(service: Service) -> str:
    task = await service.single.tasks.register(RegisterTask(task_type="a"))
    await service.single.tasks.start(task.task_id, StartTask(worker_id="w"))
    return task.task_id


async def lost(url: str, task_id: str, *asked: Any) -> list[Any]:
    """What becomes of these calls when every look at this task in PostgreSQL is cut off."""
    async with (
        await psycopg.AsyncConnection.connect(url) as locking,
        await psycopg.AsyncConnection.connect(url, autocommit=True) as cutting,
    ):
        await locking.execute("select from tracker_tasks where id = %s for update", [task_id])
        running = asyncio.gather(*asked, return_exceptions=True)
        while not running.done():
            await cutting.execute(CUT_WHO_WAIT)
            await asyncio.sleep(0.01)
    return await running


def test_progress_is_told_that_the_database_is_away_and_what_was_appended_beside_it_stands(
    within: Callable[..., Any], database_url: str
) -> None:
    async def story(service: Service) -> None:
        progress = service.single.progress
        known, new = await held(service), await held(service)
        await progress.report(known, [ENTRY], "w", 1)

        beside, refused = await lost(
            database_url, new, progress.report(known, [ENTRY], "w", 1), progress.report(new, [ENTRY], "w", 1)
        )

        assert isinstance(refused, PostgresUnavailable)
        assert isinstance(beside, ReportedProgress)
        assert beside.seq_id == 2
        assert (await progress.report(new, [ENTRY], "w", 1)).first_seq_id == 1

    within(story)


def test_an_end_whose_last_entry_could_not_be_appended_is_not_done(
    within: Callable[..., Any], database_url: str
) -> None:
    async def story(service: Service) -> None:
        task_id = await held(service)
        numbered = Entry(2, b"{}")  # cannot be the first: its number has to be looked up

        (refused,) = await lost(
            database_url,
            task_id,
            service.single.finishing.complete(task_id, CompleteTask(worker_id="w", attempt=1), [numbered]),
        )

        assert isinstance(refused, TrackerError)
        assert refused.code == "postgres_unavailable"
        assert (await service.single.tasks.get(task_id, False)).status == "in_progress"

    within(story)
