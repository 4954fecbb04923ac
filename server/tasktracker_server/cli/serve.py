"""``serve`` and ``dev``: the service, in this process or in several."""

import asyncio
import sys
import threading
from collections.abc import Callable

import click

from tasktracker_server.cli import running
from tasktracker_server.cli.options import load_settings, settings_flags
from tasktracker_server.cli.stores import with_stores
from tasktracker_server.cli.supervisor import KILL_MARGIN_SECONDS, READY, ChildFailed, Supervisor
from tasktracker_server.settings import Settings, masked

OnReady = Callable[[str], None]


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
    settings = load_settings({})
    _run_here(settings, _tell_url, follow_parent=True)


def _tell_url(url: str) -> None:
    click.echo(f"{READY}{url}")
    sys.stdout.flush()


def _tell_places(settings: Settings) -> OnReady:
    places = {"PostgreSQL": masked(settings.database_url or ""), "Redis": masked(settings.redis_url or "")}

    def tell(url: str) -> None:
        _tell_url(url)
        shown = {"dashboard": f"{url}/", "API": f"{url}/api/v1/tasks", "docs": f"{url}/docs", **places}
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


def _run_here(settings: Settings, on_ready: OnReady, *, follow_parent: bool = False) -> None:
    from tasktracker_server.app import serve as serve_app

    async def work(stop: asyncio.Event) -> None:
        if follow_parent:
            _stop_with_parent(stop)
        else:
            await _migrate(settings)
        await serve_app(settings, on_ready=on_ready, stop=stop)

    running.run(work, grace_seconds=settings.shutdown_seconds + KILL_MARGIN_SECONDS / 2)


def _run_children(settings: Settings, on_ready: OnReady) -> None:
    async def work(stop: asyncio.Event) -> None:
        await _migrate(settings)
        await Supervisor(settings, on_ready).run(stop)

    try:
        running.run(work, grace_seconds=settings.shutdown_seconds + KILL_MARGIN_SECONDS * 2)
    except ChildFailed as failed:
        raise click.ClickException(f"{failed}; the log above says why.") from None


async def _migrate(settings: Settings) -> None:
    from tasktracker_server.store.migrate import migrate

    await migrate(settings.database_url or "")


def _stop_with_parent(stop: asyncio.Event) -> None:
    """Stop when stdin ends, which it does when the parent goes away, however it goes."""
    loop = asyncio.get_running_loop()

    def wait() -> None:
        sys.stdin.buffer.read()
        loop.call_soon_threadsafe(stop.set)

    threading.Thread(target=wait, name="parent", daemon=True).start()
