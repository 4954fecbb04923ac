"""``doctor``: look at everything that could keep the service from working, and say what to do."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import click
import msgspec

from tasktracker_server.cli.findings import Finding, Level
from tasktracker_server.cli.machine_checks import machine_findings
from tasktracker_server.cli.options import settings_flags
from tasktracker_server.cli.stores import with_stores
from tasktracker_server.embedded import EmbeddedError, check_place, holds_stores
from tasktracker_server.settings import SETTINGS, InvalidSettings, Settings

COLORS: Final = {Level.OK: "green", Level.WARN: "yellow", Level.FAIL: "red"}
SUBJECT_WIDTH: Final = 21


@click.command()
@settings_flags
def doctor(**flags: object) -> None:
    """Check settings, database, Redis and machine; exit with 1 when something fails.

    Without URLs the embedded stores are started and checked: those of the data directory, or where it holds
    none yet, in a temporary one.
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
        with _on_what_is_there(settings) as (tried, where), with_stores(tried) as complete:
            if complete is not tried:
                yield Finding(Level.OK, "embedded stores", f"start, on {where}")
            yield from database_findings(complete)
            yield from redis_findings(complete.redis_url or "")
    except (click.ClickException, EmbeddedError) as error:
        yield Finding(Level.FAIL, "embedded stores", str(error))


@contextmanager
def _on_what_is_there(settings: Settings) -> Iterator[tuple[Settings, str]]:
    """The settings to try, and where that is: looking leaves no stores behind that were not there."""
    if (settings.database_url and settings.redis_url) or holds_stores(settings.data_dir):
        yield settings, str(settings.data_dir)
        return
    check_place(settings.data_dir)
    with TemporaryDirectory(prefix="tasktracker-doctor-") as folder:
        Path(folder).chmod(0o711)  # for the account that PostgreSQL runs under where we are root
        where = f"a temporary folder; serve and dev make theirs in {settings.data_dir}"
        yield msgspec.structs.replace(settings, data_dir=Path(folder)), where


def _tell(finding: Finding) -> None:
    level = click.style(f"{finding.level:5}", fg=COLORS[finding.level])
    click.echo(f"{level} {finding.subject:{SUBJECT_WIDTH}} {finding.says}")
    if finding.advice:
        click.echo(f"{'':5} {'':{SUBJECT_WIDTH}} {finding.advice}")
