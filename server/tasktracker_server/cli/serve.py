"""``serve`` and ``dev``: the service, in this process or in several."""

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final

import click
import psycopg

from tasktracker_server.cli import running
from tasktracker_server.cli.options import load_settings, settings_flags
from tasktracker_server.cli.stores import with_stores
from tasktracker_server.cli.supervisor import KILL_MARGIN_SECONDS, READY, ChildFailed, Supervisor
from tasktracker_server.settings import Settings, masked

OnReady = Callable[[str], None]

MIGRATE_SECONDS: Final = 5.0
"""The first request waits this long for the schema; then it is answered, with 503, without."""


@click.command()
@settings_flags
def serve(**flags: object) -> None:
    """Serve until SIGTERM or Ctrl-C.

    Without --database-url or --redis-url an embedded PostgreSQL or Valkey is used, on --data-dir.
    Prints one line on stdout when it listens; the log goes to stderr.
    """
    _serve(load_settings(flags), lambda settings: _tell_url)


@click.command()
@settings_flags
def dev(**flags: object) -> None:
    """Serve on this machine: starts what is not given, shows where everything is, ends with Ctrl-C."""
    _serve(load_settings(flags), _tell_places)


@click.command(hidden=True)
def serve_child() -> None:
    """One of several processes; its settings come by the environment, its end by stdin."""
    _run_here(load_settings({}), _tell_url, is_child=True)


def _tell_url(url: str) -> None:
    click.echo(f"{READY}{url}")
    sys.stdout.flush()


def _tell_places(settings: Settings) -> OnReady:
    places = {"PostgreSQL": masked(settings.database_url or ""), "Redis": masked(settings.redis_url or "")}

    def tell(url: str) -> None:
        _tell_url(url)
        shown = {"API": f"{url}/api/v1/tasks", "docs": f"{url}/docs", **places}
        for name, place in shown.items():
            click.echo(f"  {name:11} {place}")
        click.echo("Ctrl-C stops everything; the data stays.")

    return tell


def _serve(settings: Settings, teller: Callable[[Settings], OnReady]) -> None:
    running.end_on_signals()
    try:
        with with_stores(settings) as complete:
            if complete.processes == 1:
                _run_here(complete, teller(complete))
            else:
                _run_children(complete, teller(complete))
    except KeyboardInterrupt:
        # Before or after the loop: nothing was under way.
        return
    except psycopg.Error as error:
        raise click.ClickException(f"The database refuses the migrations: {error}") from error


def _run_here(settings: Settings, on_ready: OnReady, *, is_child: bool = False) -> None:
    from tasktracker_server.app import CannotListen
    from tasktracker_server.app import serve as serve_app

    async def work(stop: asyncio.Event) -> None:
        def serving() -> Awaitable[None]:
            return serve_app(settings, on_ready=on_ready, stop=stop, reuse_port=is_child)

        if is_child:
            _stop_with_parent(stop)
            await serving()
        else:
            await _migrated(settings, stop, serving)

    try:
        running.run(work, grace_seconds=settings.shutdown_seconds + KILL_MARGIN_SECONDS / 2)
    except CannotListen as error:
        raise click.ClickException(str(error)) from None


def _run_children(settings: Settings, on_ready: OnReady) -> None:
    async def work(stop: asyncio.Event) -> None:
        await _migrated(settings, stop, lambda: Supervisor(settings, on_ready).run(stop))

    try:
        running.run(work, grace_seconds=settings.shutdown_seconds + KILL_MARGIN_SECONDS * 2)
    except ChildFailed as failed:
        raise click.ClickException(f"{failed}; the log above says why.") from None


async def _migrated(settings: Settings, stop: asyncio.Event, serving: Callable[[], Awaitable[None]]) -> None:
    """Serve on a database that is up to date, or will be as soon as it can be reached."""
    from tasktracker_server.app import migrate_when_reachable

    def on_migrated(task: asyncio.Task[None]) -> None:
        if not task.cancelled() and task.exception():
            stop.set()

    migrating = asyncio.create_task(migrate_when_reachable(settings.database_url or "", stop))
    migrating.add_done_callback(on_migrated)
    await asyncio.wait([migrating], timeout=MIGRATE_SECONDS)
    if not stop.is_set():
        await serving()
    migrating.cancel()
    with suppress(asyncio.CancelledError):
        await migrating


def _stop_with_parent(stop: asyncio.Event) -> None:
    """Stop when stdin ends, which it does when the parent goes away, however it goes."""
    loop = asyncio.get_running_loop()

    def look() -> None:
        if not os.read(sys.stdin.fileno(), 1024):
            loop.remove_reader(sys.stdin.fileno())
            stop.set()

    loop.add_reader(sys.stdin.fileno(), look)
