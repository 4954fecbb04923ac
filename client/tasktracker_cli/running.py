"""Runs a command on behalf of a task, from its start to the record of its end."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import click

from tasktracker_cli.child import Child, exit_code, signal_name
from tasktracker_cli.exits import Exit
from tasktracker_cli.relay import Relay
from tasktracker_cli.tracked import Tracked
from tasktracker_client import BadRequest, TaskTrackerError

_DRAIN_SECONDS: Final = 2.0
"""After the command's end, for output that something it left behind still holds open."""
_LOOK_SECONDS: Final = 0.2
_SHORTEST_WAIT: Final = 0.005


@dataclass(frozen=True, kw_only=True)
class Manner:
    """How a command is run."""

    grace_seconds: int
    json_progress: bool
    forward: bool


def run_command(command: Sequence[str], task: Tracked, manner: Manner) -> int:
    """Run it to its end and record that; the exit code to leave with."""
    try:
        child = Child(command)
    except OSError as error:
        return _not_started(command, task, error)
    with child.receiving_signals():
        reason = _see_to_its_end(child, task, manner)
    status = child.status or 0
    _record(task, status, reason)
    return exit_code(status)


def _not_started(command: Sequence[str], task: Tracked, error: OSError) -> int:
    code = Exit.NOT_FOUND if isinstance(error, FileNotFoundError) else Exit.NOT_RUNNABLE
    told = f"{command[0]}: {error.strerror}"
    click.echo(f"tasktracker: {told}", err=True)
    _end(task, {"code": "not_started", "message": told, "exitCode": int(code), "signal": None})
    return code


def _see_to_its_end(child: Child, task: Tracked, manner: Manner) -> str | None:
    """Carry its output and keep an eye on the task; why the command was ended by us, if it was."""
    relay = Relay(forward=manner.forward, json_progress=manner.json_progress)
    relay.start("stdout", child.stdout, 1)
    relay.start("stderr", child.stderr, 2)
    child.tell_end(relay.news.set)
    reason: str | None = None
    ended_at: float | None = None
    while ended_at is None or not _is_over(child, relay, ended_at):
        relay.news.wait(_pause(relay, task))
        relay.news.clear()
        if child.status is not None and ended_at is None:
            ended_at = time.monotonic()
        _report(relay, task)
        if reason is None and (reason := task.stop_reason()) is not None:
            click.echo(f"tasktracker: {reason}; ending the command", err=True)
            child.stop(manner.grace_seconds)
        if task.takes_nothing:
            relay.gather_no_more()
        child.kill_if_due()
    _report(relay, task, all_of_it=True)
    return reason


def _is_over(child: Child, relay: Relay, ended_at: float) -> bool:
    """Whether nothing more is to be expected, of what the command left behind either."""
    if not relay.is_open:
        return True
    if child.is_stopped:
        return time.monotonic() > max(child.kill_at, ended_at) + _DRAIN_SECONDS
    return time.monotonic() > ended_at + _DRAIN_SECONDS


def _pause(relay: Relay, task: Tracked) -> float:
    if not task.has_room:
        return _LOOK_SECONDS
    return min(_LOOK_SECONDS, max(_SHORTEST_WAIT, relay.seconds_to_next()))


def _report(relay: Relay, task: Tracked, *, all_of_it: bool = False) -> None:
    while (task.has_room or all_of_it) and (entry := relay.take(all_of_it=all_of_it)) is not None:
        task.report(entry)


def _record(task: Tracked, status: int, reason: str | None) -> None:
    if task.job.lease_lost:
        click.echo("tasktracker: how the command ended is not recorded", err=True)
    elif status == 0:
        _end(task, None)
    else:
        _end(task, _error(status, is_cancelled=reason is not None))


def _error(status: int, *, is_cancelled: bool) -> dict[str, Any]:
    name = signal_name(status)
    ended = f"ended by {name}" if name else f"exit code {status}"
    code, message = "exit_status", f"The command failed: {ended}."
    if is_cancelled:
        code, message = "cancelled", f"The task was cancelled; the command: {ended}."
    return {"code": code, "message": message, "exitCode": exit_code(status), "signal": name}


def _end(task: Tracked, error: dict[str, Any] | None) -> None:
    """Record how it ended; that this fails does not change how it ended."""
    try:
        if error is None:
            _complete(task)
        else:
            task.job.fail(error, retry=False)
    except (TaskTrackerError, KeyboardInterrupt) as failure:
        why = str(failure) or "interrupted"
        click.echo(f"tasktracker: how the command ended is not recorded: {why}", err=True)


def _complete(task: Tracked) -> None:
    try:
        task.job.complete({"exitCode": 0})
    except BadRequest as refused:  # a line of its output, which is no failure of the command
        click.echo(f"tasktracker: some of its output was not recorded: {refused}", err=True)
        task.job.complete({"exitCode": 0})
