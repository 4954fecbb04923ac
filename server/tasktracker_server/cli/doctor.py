"""``doctor``: is everything as it must be, and if not, what to do."""

import asyncio

import click

from tasktracker_server.cli.checkup import Finding, findings
from tasktracker_server.cli.options import load_settings, settings_flags
from tasktracker_server.cli.stores import with_stores
from tasktracker_server.settings import Settings

_COLOURS = {"ok": "green", "warn": "yellow", "FAIL": "red"}


@click.command()
@settings_flags
def doctor(**flags: object) -> None:
    """Check settings, database, Redis, clocks and versions; exits 1 where something fails.

    Without URLs it checks the embedded stores of --data-dir.
    """
    settings = load_settings(flags)
    _show(Finding("ok", "settings", "can be used"))
    with with_stores(settings) as complete:
        failed = asyncio.run(_examine(complete))
    if failed:
        raise SystemExit(1)


async def _examine(settings: Settings) -> bool:
    failed = False
    async for finding in findings(settings):
        _show(finding)
        failed = failed or finding.level == "FAIL"
    return failed


def _show(finding: Finding) -> None:
    level = click.style(f"{finding.level:>4}", fg=_COLOURS[finding.level])
    click.echo(f"{level}  {finding.subject}: {finding.message}")
