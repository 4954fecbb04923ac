"""The commands, each loaded when it is called, and what all of them share."""

import os
from collections.abc import Mapping
from importlib import import_module
from typing import Any, Final

import click

from tasktracker_cli.exits import Exit, exit_codes, told
from tasktracker_cli.output import flush
from tasktracker_cli.service import address, service_options
from tasktracker_schema import __version__

_COMMANDS: Final[Mapping[str, tuple[str, str]]] = {
    "register": ("register:register", "Register a task, and follow it if you like."),
    "list": ("listing:list_tasks", "List tasks, the newest first."),
    "get": ("showing:get", "Show tasks in full."),
    "track": ("tracking:track", "Follow a task live to its end."),
    "wait": ("waiting:wait", "Wait for the end of a task."),
    "retry": ("changing:retry", "Register failed or timed-out tasks anew."),
    "cancel": ("changing:cancel", "Say that tasks are no longer wanted."),
    "stats": ("figures:stats", "Show how many tasks there are of each type."),
    "run": ("run:run", "Run a shell command as a task."),
    "worker": ("work:worker", "Run a pool of workers that you wrote."),
    "completion": ("completion:completion", "Print the script that completes commands in your shell."),
}
"""Where each command is, and its line in the help."""


class LazyGroup(click.Group):
    """A group that knows its commands by name until one is called, and tells every error in a line."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All, the usual ones first."""
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command itself."""
        if cmd_name not in _COMMANDS:
            return None
        module, _, attribute = _COMMANDS[cmd_name][0].partition(":")
        command: click.Command = getattr(import_module(f"{__package__}.{module}"), attribute)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Their lines, without loading them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in _COMMANDS.items()])

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; what goes wrong is one line on stderr and an exit code."""
        _occupy_closed()
        try:
            value = super().invoke(ctx)
            flush()
        except BrokenPipeError:
            _close_stdout()
            ctx.exit(Exit.READER_GONE)
        except KeyboardInterrupt:
            ctx.exit(Exit.INTERRUPTED)
        except (click.ClickException, click.exceptions.Exit, click.Abort):
            raise
        except Exception as error:
            line = told(error)
            if line is None:
                raise
            if line[1] is Exit.NOT_WRITTEN:
                _close_stdout()
            where = f"{address()}: " if line[1] is Exit.NO_ANSWER else ""
            click.echo(f"tasktracker: {where}{line[0]}", err=True)
            ctx.exit(line[1])
        return value


def _occupy_closed() -> None:
    """Where our output is closed a socket would get its number, and what a command of `run` writes."""
    nowhere = os.open(os.devnull, os.O_RDWR)
    for number in (1, 2):
        try:
            os.fstat(number)
        except OSError:
            os.dup2(nowhere, number)
    if nowhere > 2:
        os.close(nowhere)
    else:
        os.set_inheritable(nowhere, True)


def _close_stdout() -> None:
    """Let nothing complain at the end about what can't be written any more."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog=exit_codes(),
)
@service_options
@click.version_option(__version__, "--version", prog_name="tasktracker")
def tasktracker() -> None:
    """Work with the tasks of a Task Tracker.

    \b
    Example:
      tasktracker register video.encode --params '{"src": "a.mov"}' --track
    """
