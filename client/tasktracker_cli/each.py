"""The same for each of several tasks."""

from collections.abc import Callable, Iterable

import click

from tasktracker_cli.exits import Exit, told


def for_each(task_ids: Iterable[str], act: Callable[[str], None]) -> None:
    """Act on each task; what the service refuses is told, and does not keep the others from their turn."""
    from tasktracker_client import TaskTrackerError

    was_refused = False
    for task_id in task_ids:
        try:
            act(task_id)
        except TaskTrackerError as error:
            line, code = told(error) or ("", Exit.NO_ANSWER)
            if code is not Exit.REFUSED:
                raise
            click.echo(f"tasktracker: {task_id}: {line}", err=True)
            was_refused = True
    if was_refused:
        click.get_current_context().exit(Exit.REFUSED)
