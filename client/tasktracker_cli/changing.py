"""``retry`` and ``cancel``."""

import click

from tasktracker_cli import values
from tasktracker_cli.each import for_each
from tasktracker_cli.exits import Exit, exit_codes
from tasktracker_cli.output import write_text, write_value
from tasktracker_cli.service import client, service_options

_CODES = exit_codes(Exit.OK, Exit.REFUSED, Exit.NO_ANSWER)


@click.command(epilog=_CODES)
@click.argument("task_ids", metavar="TASK...", type=values.task_id, nargs=-1, required=True)
@click.option("--json", "as_json", is_flag=True, help="Print the whole answers instead of the new ids.")
@service_options
def retry(task_ids: tuple[str, ...], as_json: bool) -> None:
    """Register each failed or timed-out TASK anew, and print the new tasks' ids.

    \b
    Example:
      tasktracker retry encode-1
      tasktracker list --status failed --limit 0 | jq -r .id | xargs tasktracker retry
    """
    with client() as tracker:

        def retry_one(task_id: str) -> None:
            retried = tracker.retry(task_id)
            write_value(retried) if as_json else write_text(retried.new_task_id)

        for_each(task_ids, retry_one)


@click.command(epilog=_CODES)
@click.argument("task_ids", metavar="TASK...", type=values.task_id, nargs=-1, required=True)
@click.option("--reason", metavar="TEXT", help="Recorded as the error's message.")
@click.option("--json", "as_json", is_flag=True, help="Print the whole answers.")
@service_options
def cancel(task_ids: tuple[str, ...], reason: str | None, as_json: bool) -> None:
    """Say that each TASK is no longer wanted: pending it ends at once, in progress its worker is told.

    \b
    Example:
      tasktracker cancel encode-1 --reason "the user closed the page"
    """
    with client() as tracker:

        def cancel_one(task_id: str) -> None:
            answer = tracker.cancel(task_id, reason=reason)
            will_be_told = answer.status == "in_progress"
            said = f"{task_id}: {'its worker will be told' if will_be_told else 'cancelled'}"
            write_value(answer) if as_json else write_text(said)

        for_each(task_ids, cancel_one)
