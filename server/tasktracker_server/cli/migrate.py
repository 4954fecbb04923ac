"""``migrate``: bring the database up to date."""

import asyncio

import click

from tasktracker_server.cli.options import load_settings, settings_flags
from tasktracker_server.cli.stores import with_stores
from tasktracker_server.settings import masked


@click.command()
@settings_flags
def migrate(**flags: object) -> None:
    """Apply the migrations that the database lacks, and say which.

    Safe to repeat and to run beside others: one at a time does it. The command serve does the same when it
    starts.
    """
    from tasktracker_server.store.migrate import migrate as apply

    settings = load_settings(flags)
    with with_stores(settings) as complete:
        url = complete.database_url or ""
        applied = asyncio.run(apply(url))
        for name in applied:
            click.echo(f"applied {name}")
        if not applied:
            click.echo(f"{masked(url)} is up to date")
