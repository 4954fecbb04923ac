"""``register``."""

from datetime import datetime
from typing import Any

import click

from tasktracker_cli import values
from tasktracker_cli.exits import ENDINGS, exit_codes
from tasktracker_cli.output import write_text, write_value
from tasktracker_cli.service import client, service_options


@click.command(epilog=exit_codes(*ENDINGS))
@click.argument("task_type", metavar="TYPE")
@click.option("--params", type=values.json_object, metavar=values.JSON, help="What its worker needs.")
@click.option(
    "--metadata", type=values.json_object, metavar=values.JSON, help="What everybody else should know of it."
)
@click.option("--id", "task_id", type=values.task_id, metavar="TASK", help="Its id.  [default: a new one]")
@click.option(
    "--timeout-seconds",
    type=values.duration,
    metavar=values.DURATION,
    help="When it is over whatever happens.  [default: 1d]",
)
@click.option("--priority", type=int, help="Higher is claimed first.  [default: 0]")
@click.option(
    "--run-at",
    type=values.ahead,
    metavar=values.TIME,
    help="Not to be claimed before; a duration counts from now.",
)
@click.option("--max-retries", type=int, help="How often a failure is retried by itself.  [default: 0]")
@click.option("--max-attempts", type=int, help="How often it is claimed before a lost lease fails it.")
@click.option("--exist-ok", is_flag=True, help="Be content if the same request was registered before.")
@click.option("--json", "as_json", is_flag=True, help="Print the whole answer instead of the id.")
@click.option("--track", "then_track", is_flag=True, help="Then follow it, as `track` does.")
@click.option("--wait", "then_wait", is_flag=True, help="Then wait for it, as `wait` does.")
@service_options
def register(as_json: bool, then_track: bool, then_wait: bool, **request: Any) -> None:
    """Register a task of TYPE and print its id.

    JSON is given as text, as @file, or as - for standard input. With --track or --wait the id goes to
    stderr, and stdout has what those commands print.

    \b
    Example:
      tasktracker register video.encode --params '{"src": "a.mov"}' --track
    """
    if then_track and then_wait:
        raise click.UsageError("--track shows the task to its end; leave out --wait.")
    task_type: str = request.pop("task_type")
    run_at: datetime | None = request.pop("run_at")
    with client() as tracker:
        registered = tracker.register(task_type, run_at=run_at, **request)
    if not (then_track or then_wait):
        write_value(registered) if as_json else write_text(registered.task_id)
        return
    click.echo(registered.task_id, err=True)
    if then_wait:
        from tasktracker_cli.waiting import wait_for

        wait_for(registered.task_id, None)
    else:
        from tasktracker_cli.tracking import track_to_end

        track_to_end(registered.task_id)
