"""``wait``."""

import click

from tasktracker_cli import values
from tasktracker_cli.exits import ENDINGS, exit_codes
from tasktracker_cli.output import write_value
from tasktracker_cli.service import client, service_options
from tasktracker_cli.showing import READ_ATTEMPTS


@click.command(epilog=exit_codes(*ENDINGS))
@click.argument("task_id", metavar="TASK", type=values.task_id)
@click.option(
    "--timeout",
    type=values.duration,
    metavar=values.DURATION,
    help="How long to wait at most.  [default: as long as it takes]",
)
@service_options
def wait(task_id: str, timeout: int | None) -> None:
    """Wait until TASK has ended, and print its result as JSON.

    Automatic retries are waited for as well. What it failed with is told on stderr.

    \b
    Example:
      tasktracker wait encode-1 --timeout 10m && echo done
    """
    wait_for(task_id, timeout)


def wait_for(task_id: str, timeout: int | None) -> None:
    """Print the task's result once it has completed; raises what ``TaskTracker.wait`` raises."""
    with client(READ_ATTEMPTS) as tracker:  # a service that was never there is told soon
        write_value(tracker.wait(task_id, timeout).result)
