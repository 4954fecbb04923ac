"""``list``."""

from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

import click

from tasktracker_cli import values
from tasktracker_cli.exits import Exit, exit_codes
from tasktracker_cli.output import is_terminal, printable, write_line
from tasktracker_cli.reading import reading_of
from tasktracker_cli.service import client, service_options
from tasktracker_cli.showing import READ_ATTEMPTS

if TYPE_CHECKING:
    from tasktracker_client import TaskRow

_STATUSES: Final = ("pending", "in_progress", "completed", "failed", "timeout")
_PAGE: Final = 500
COLORS: Final = {"completed": "green", "failed": "red", "timeout": "red", "in_progress": "cyan"}
"""Of the states that stand out."""


@click.command("list", epilog=exit_codes(Exit.OK, Exit.REFUSED, Exit.NO_ANSWER))
@click.option("--status", type=click.Choice(_STATUSES), multiple=True, help="In this state; may be repeated.")
@click.option("--type", "task_type", metavar="TYPE", help="Of this type.")
@click.option("--worker", "worker_id", metavar="WORKER", help="Held or ended by this worker.")
@click.option(
    "--chain", "original_task_id", type=values.task_id, metavar="TASK", help="This task and all its retries."
)
@click.option(
    "--created-after",
    type=values.ago,
    metavar=values.TIME,
    help="Registered since; a duration counts back from now.",
)
@click.option("--created-before", type=values.ago, metavar=values.TIME, help="Registered before.")
@click.option("--limit", type=click.IntRange(min=0), default=50, show_default=True, help="0 lists all.")
@click.option("--full", is_flag=True, help="With metadata, params, results and errors.")
@click.option("--json/--table", "as_json", default=None, help="One JSON line for each task, or a table.")
@service_options
def list_tasks(limit: int, as_json: bool | None, **filters: Any) -> None:
    """List the tasks that fit, the newest first: a table on a terminal, else one JSON line for each.

    \b
    Examples:
      tasktracker list --status failed --created-after 1d
      tasktracker list --type video.encode --limit 0 | jq -r .id
    """
    shown = filters["full"] or not is_terminal() if as_json is None else as_json
    status = list(filters.pop("status")) or None
    with client(READ_ATTEMPTS) as tracker:
        found = tracker.tasks(status=status, page_size=min(limit, _PAGE) or _PAGE, **filters)
        rows = islice(found, limit or None)
        if shown:
            for row in rows:
                write_line(row)
        else:
            _write_table(rows)


def _write_table(rows: "Iterator[TaskRow]") -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table("task", "type", "status", "progress", "worker", "registered", box=None, header_style="bold")
    for row in rows:
        status = Text(row.status, COLORS.get(row.status, ""))
        cells = (row.id, row.task_type, _progress(row), row.worker_id or "", age_of(row.created_at))
        plain = [Text(printable(cell)) for cell in cells]
        table.add_row(*plain[:2], status, *plain[2:])
    console = Console()
    if table.row_count:
        console.print(table)
    else:
        console.print("No tasks fit.")


def _progress(row: "TaskRow") -> str:
    """The newest entry, shortly; where it is too long for a row, its number."""
    if not row.last_seq_id:
        return ""
    if not row.last_progress:
        return f"entry {row.last_seq_id}"
    reading = reading_of(row.last_progress.data)
    percent = "" if reading.percent is None else f"{reading.percent:.0f} % "
    return f"{percent}{reading.message[:40]}"


def age_of(moment: datetime) -> str:
    """How long ago it was, in the largest unit that fits."""
    seconds = max(0, int((datetime.now(UTC) - moment).total_seconds()))
    for unit, length in (("d", 86_400), ("h", 3600), ("m", 60)):
        if seconds >= length:
            return f"{seconds // length}{unit} ago"
    return f"{seconds}s ago"
