"""The commands, each loaded when it is called: ``--help`` and ``--version`` need no database driver."""

from collections.abc import Mapping
from importlib import import_module
from typing import Final

import click

from tasktracker_schema import __version__

_COMMANDS: Final[Mapping[str, tuple[str, str]]] = {
    "serve": ("tasktracker_server.cli.serve:serve", "Serve, with the stores given or embedded ones."),
    "dev": ("tasktracker_server.cli.serve:dev", "Serve on this machine and show where everything is."),
    "demo": ("tasktracker_server.demo.command:demo", "Watch tasks at work, on a service started for it."),
    "migrate": ("tasktracker_server.cli.migrate:migrate", "Bring the database up to date."),
    "doctor": ("tasktracker_server.cli.doctor:doctor", "Check settings, stores and machine."),
    "openapi": ("tasktracker_server.cli.openapi:openapi", "Print the OpenAPI document."),
    "serve-child": ("tasktracker_server.cli.serve:serve_child", ""),
}
"""Where each command is, and its line in the help; without a line it is not for people."""


class LazyGroup(click.Group):
    """A group that knows its commands by name until one is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All that are for people, the usual ones first."""
        return [name for name, (_, line) in _COMMANDS.items() if line]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command itself."""
        if cmd_name not in _COMMANDS:
            return None
        module, _, attribute = _COMMANDS[cmd_name][0].partition(":")
        command: click.Command = getattr(import_module(module), attribute)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Their lines, without loading them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, _COMMANDS[name][1]) for name in self.list_commands(ctx)])


@click.group(
    cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
@click.version_option(__version__, "--version", prog_name="tasktracker-server")
def main() -> None:
    """Task Tracker: a service that tracks long-running tasks."""
