"""``run``."""

import os
import socket
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import click

from tasktracker_cli import values
from tasktracker_cli.exits import Exit, told
from tasktracker_cli.service import address, client, service_options

if TYPE_CHECKING:
    from tasktracker_client import TaskTrackerError

LEASE_SECONDS: Final = 30
GRACE_SECONDS: Final = 10

_CODES: Final = f"""\b
Exit codes: the command's own, 128 + n where signal n ended it, and
  {Exit.NOT_TRACKED}  the task could not be registered; the command was not run
  {Exit.NOT_RUNNABLE}  the command can't be executed
  {Exit.NOT_FOUND}  the command was not found"""


@click.command(epilog=_CODES)
@click.argument("task_type", metavar="TYPE")
@click.argument("command", metavar="-- COMMAND...", nargs=-1, required=True, type=click.UNPROCESSED)
@click.option("--id", "task_id", type=values.task_id, metavar="TASK", help="Its id.  [default: a new one]")
@click.option(
    "--params",
    type=values.json_object,
    metavar=values.JSON,
    help="What to register.  [default: command, directory and host]",
)
@click.option("--metadata", type=values.json_object, metavar=values.JSON, help="What else is to be known.")
@click.option(
    "--timeout-seconds",
    type=values.duration,
    metavar=values.DURATION,
    help="When the command is ended at the latest.  [default: 1d]",
)
@click.option(
    "--lease-seconds",
    type=values.duration,
    metavar=values.DURATION,
    default=str(LEASE_SECONDS),
    show_default=True,
    help="How soon the task fails when this process dies.",
)
@click.option(
    "--grace",
    type=values.duration,
    metavar=values.DURATION,
    default=str(GRACE_SECONDS),
    show_default=True,
    help="From SIGTERM to SIGKILL when it has to end.",
)
@click.option("--json-progress", is_flag=True, help="A line of stdout that is a JSON object is an entry.")
@click.option("--run-anyway", is_flag=True, help="Run it untracked where the service does not answer.")
@click.option("-q", "--quiet", is_flag=True, help="Don't pass its output on.")
@service_options
def run(
    command: tuple[str, ...],
    task_type: str,
    lease_seconds: int,
    run_anyway: bool,
    grace: int,
    json_progress: bool,
    quiet: bool,
    **request: Any,
) -> None:
    """Run COMMAND as a task of TYPE: its output is the progress, its exit code the outcome.

    Exit code 0 completes the task; any other, or a signal, fails it. Cancelling the task ends the command:
    SIGTERM, after a while SIGKILL, to its whole process group; so do the end of the task's time and a lost
    lease. Signals to tasktracker go to the command. Its stdin is ours, or empty where that is a terminal.

    \b
    Examples:
      tasktracker run backup.nightly -- pg_dump -v mydb -f mydb.sql
      tasktracker run report --id report-2026-01 --json-progress -- ./report.sh
    """
    from tasktracker_cli.running import Manner, run_command
    from tasktracker_cli.tracked import tracked
    from tasktracker_client import TaskTrackerError

    if not hasattr(os, "killpg"):
        raise click.UsageError("this system has no process groups, which run needs")
    request["params"] = request["params"] or _description(command)
    manner = Manner(grace_seconds=grace, json_progress=json_progress, forward=not quiet)
    try:
        with client() as tracker, tracked(tracker, task_type, lease_seconds, request) as task:
            if sys.stderr is not None and sys.stderr.isatty() and not quiet:
                click.echo(f"tasktracker: task {task.job.id}", err=True)
            code = run_command(command, task, manner)
    except TaskTrackerError as error:
        code = _untracked(error, command, run_anyway)
    click.get_current_context().exit(code)


def _description(command: Sequence[str]) -> dict[str, Any]:
    """What is registered of a command; bytes that are no UTF-8 are told, not kept."""
    try:
        directory = os.getcwd()
    except OSError:
        directory = "(removed)"
    plain = [
        each.encode("utf-8", "surrogateescape").decode("utf-8", "replace") for each in (*command, directory)
    ]
    return {"command": plain[:-1], "directory": plain[-1], "host": socket.gethostname()}


def _untracked(error: "TaskTrackerError", command: Sequence[str], run_anyway: bool) -> int:
    """There is no task: run the command without, if that was asked for."""
    line, code = told(error) or (str(error), Exit.NO_ANSWER)
    click.echo(f"tasktracker: {address()}: {line}", err=True)
    if not (run_anyway and code is Exit.NO_ANSWER):
        return Exit.NOT_TRACKED
    click.echo("tasktracker: running the command untracked", err=True)
    try:
        os.execvp(command[0], list(command))  # noqa: S606 - to run it is what we are asked for
    except OSError as failure:
        click.echo(f"tasktracker: {command[0]}: {failure.strerror}", err=True)
        return Exit.NOT_FOUND if isinstance(failure, FileNotFoundError) else Exit.NOT_RUNNABLE
