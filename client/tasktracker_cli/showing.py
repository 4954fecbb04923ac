"""``get``."""

import click

from tasktracker_cli import values
from tasktracker_cli.each import for_each
from tasktracker_cli.exits import Exit, exit_codes
from tasktracker_cli.output import write_value
from tasktracker_cli.service import client, service_options

READ_ATTEMPTS = 3
"""Of a call that only reads, with a person waiting."""


@click.command(epilog=exit_codes(Exit.OK, Exit.REFUSED, Exit.NO_ANSWER))
@click.argument("task_ids", metavar="TASK...", type=values.task_id, nargs=-1, required=True)
@click.option("--progress/--no-progress", default=True, help="With its newest 10,000 entries, or without.")
@service_options
def get(task_ids: tuple[str, ...], progress: bool) -> None:
    """Show each TASK in full, as JSON: indented on a terminal, else one line for each.

    \b
    Example:
      tasktracker get encode-1 --no-progress | jq .result
    """
    with client(READ_ATTEMPTS) as tracker:
        for_each(task_ids, lambda task_id: write_value(tracker.get(task_id, progress=progress)))
