"""``stats``."""

from typing import TYPE_CHECKING

import click

from tasktracker_cli.exits import Exit, exit_codes
from tasktracker_cli.output import is_terminal, printable, write_line
from tasktracker_cli.service import client, service_options
from tasktracker_cli.showing import READ_ATTEMPTS

if TYPE_CHECKING:
    from tasktracker_client import Stats
    from tasktracker_schema.answers import TypeStats


@click.command(epilog=exit_codes(Exit.OK, Exit.REFUSED, Exit.NO_ANSWER))
@click.option("--json/--table", "as_json", default=None, help="JSON in one line, or a table.")
@service_options
def stats(as_json: bool | None) -> None:
    """Show how many tasks are pending and in progress, and what the last hour brought, by type.

    \b
    Example:
      tasktracker stats
    """
    with client(READ_ATTEMPTS) as tracker:
        figures = tracker.stats()
    if as_json or (as_json is None and not is_terminal()):
        write_line(figures)
    else:
        _write_table(figures)


def _write_table(figures: "Stats") -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, header_style="bold")
    table.add_column("type")
    for name in ("pending", "oldest", "in progress", "registered", "completed", "failed", "timeout"):
        table.add_column(name, justify="right")
    named: list[tuple[str, TypeStats | Stats]] = [(each.task_type, each) for each in figures.types]
    for name, row in [*named, ("all", figures)]:
        oldest = row.oldest_pending_seconds
        hour = row.last_hour
        numbers = (row.counts.in_progress, hour.registered, hour.completed, hour.failed, hour.timeout)
        shown = "" if oldest is None else f"{oldest:.0f} s"
        table.add_row(Text(printable(name)), str(row.counts.pending), shown, *map(str, numbers))
    console = Console()
    console.print(table)
    console.print("The last four are of the last hour.", style="dim")
