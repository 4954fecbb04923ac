"""``track``."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from tasktracker_cli import values
from tasktracker_cli.envelopes import envelope
from tasktracker_cli.exits import ENDINGS, Exit, ending_of, exit_codes
from tasktracker_cli.output import is_terminal, write_line
from tasktracker_cli.service import client, service_options

if TYPE_CHECKING:
    from tasktracker_client import TaskTracker, TrackEvent


@dataclass(frozen=True, kw_only=True)
class Following:
    """How a task is followed."""

    after_seq_id: int = 0
    ignore_history: bool = False
    lifecycle: bool = False
    follow_retries: bool = True
    timeout: int | None = None


@click.command(epilog=exit_codes(*ENDINGS, Exit.INTERRUPTED))
@click.argument("task_id", metavar="TASK", type=values.task_id)
@click.option(
    "--after", "after_seq_id", type=click.IntRange(min=0), default=0, help="Begin after this entry."
)
@click.option("--ignore-history", is_flag=True, help="Only what comes from now on.")
@click.option("--lifecycle", is_flag=True, help="Also tell claims, releases and cancel requests.")
@click.option("--follow-retries/--this-only", default=True, help="Go on with automatic retries, or not.")
@click.option(
    "--timeout",
    type=values.duration,
    metavar=values.DURATION,
    help="How long to follow at most.  [default: as long as it takes]",
)
@click.option("--json/--bar", "as_json", default=None, help="One JSON line for each event, or a bar.")
@service_options
def track(task_id: str, as_json: bool | None, **following: Any) -> None:
    """Follow TASK to its end, through restarts of the service: a bar on a terminal, else JSON lines.

    The bar shows `percent`, or `done` of `total`, with the `message` of the newest entry beside it. JSON
    lines are the events of the service, each once and in order. Ctrl-C stops following; the task goes on.

    \b
    Examples:
      tasktracker track encode-1
      tasktracker track encode-1 | jq 'select(.event == "progress").data'
    """
    track_to_end(task_id, Following(**following), as_json)


def track_to_end(task_id: str, following: Following | None = None, as_json: bool | None = None) -> None:
    """Show a task until it has ended, then exit with the code of its outcome."""
    following = following or Following()
    is_bar = is_terminal() if as_json is None else not as_json
    with client() as tracker:
        show = _draw if is_bar else _write
        code = show(task_id, tracker, following)
    click.get_current_context().exit(code)


def _write(task_id: str, tracker: "TaskTracker", following: Following) -> Exit:
    code = Exit.OK
    for event in _events(task_id, tracker, following, following.lifecycle):
        write_line(envelope(event))
        code = _code(event, code)
    return code


def _draw(task_id: str, tracker: "TaskTracker", following: Following) -> Exit:
    from tasktracker_cli.bar import Bar

    code = Exit.OK
    with Bar(task_id, lifecycle=following.lifecycle) as bar:
        for event in _events(task_id, tracker, following, lifecycle=True):
            bar.event(event)
            code = _code(event, code)
    return code


def _code(event: "TrackEvent", before: Exit) -> Exit:
    from tasktracker_client import StatusChange

    return ending_of(event.status, event.error) if isinstance(event, StatusChange) else before


def _events(
    task_id: str, tracker: "TaskTracker", following: Following, lifecycle: bool
) -> "Iterator[TrackEvent]":
    """Those of the task, then of its automatic retries, one after the other."""
    from tasktracker_client import StatusChange

    deadline = None if following.timeout is None else time.monotonic() + following.timeout
    after, ignore_history = following.after_seq_id, following.ignore_history
    next_id: str | None = task_id
    while next_id is not None:
        left = None if deadline is None else max(0.0, deadline - time.monotonic())
        stream = tracker.track(
            next_id, after_seq_id=after, ignore_history=ignore_history, lifecycle=lifecycle, timeout=left
        )
        next_id, after, ignore_history = None, 0, False
        with stream:
            for event in stream:
                yield event
                if isinstance(event, StatusChange) and following.follow_retries:
                    next_id = event.new_task_id
