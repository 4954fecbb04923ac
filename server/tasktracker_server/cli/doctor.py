"""``doctor``: look at everything that could keep the service from working, and say what to do."""

import os
import sys
from collections.abc import Iterator
from itertools import chain
from typing import Final

import click

from tasktracker_server.cli.findings import Finding, Level
from tasktracker_server.cli.machine_checks import machine_findings
from tasktracker_server.cli.options import settings_flags
from tasktracker_server.cli.stores import with_stores
from tasktracker_server.settings import SETTINGS, InvalidSettings, Settings

COLORS: Final = {Level.OK: "green", Level.WARN: "yellow", Level.FAIL: "red"}
SUBJECT_WIDTH: Final = 21


@click.command()
@settings_flags
def doctor(**flags: object) -> None:
    """Check settings, database, Redis and machine; exit with 1 when something fails.

    Without URLs the embedded stores are started and checked.
    """
    failed = False
    for finding in chain(machine_findings(), _settings_findings(flags)):
        _tell(finding)
        failed |= finding.level is Level.FAIL
    sys.exit(1 if failed else 0)


def _settings_findings(flags: dict[str, object]) -> Iterator[Finding]:
    try:
        settings = Settings.load(os.environ, flags)
    except InvalidSettings as invalid:
        advice = "Correct it; tasktracker-server serve --help tells every setting."
        yield from (Finding(Level.FAIL, "settings", problem, advice) for problem in invalid.problems)
        return
    changed = [row.name for row in SETTINGS if getattr(settings, row.name) != getattr(Settings(), row.name)]
    told = settings.describe()
    yield Finding(
        Level.OK, "settings", ", ".join(f"{name}={told[name]}" for name in changed) or "all defaults"
    )
    yield from _store_findings(settings)


def _store_findings(settings: Settings) -> Iterator[Finding]:
    from tasktracker_server.cli.database_checks import database_findings
    from tasktracker_server.cli.redis_checks import redis_findings

    try:
        with with_stores(settings) as complete:
            if complete is not settings:
                yield Finding(Level.OK, "embedded stores", f"start, on {settings.data_dir}")
            yield from database_findings(complete)
            yield from redis_findings(complete.redis_url or "")
    except click.ClickException as error:
        yield Finding(Level.FAIL, "embedded stores", error.message)


def _tell(finding: Finding) -> None:
    level = click.style(f"{finding.level:5}", fg=COLORS[finding.level])
    click.echo(f"{level} {finding.subject:{SUBJECT_WIDTH}} {finding.says}")
    if finding.advice:
        click.echo(f"{'':5} {'':{SUBJECT_WIDTH}} {finding.advice}")
