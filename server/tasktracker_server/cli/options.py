"""Flags made from the table of settings, and settings made from flags."""

import os
from collections.abc import Callable, Mapping
from typing import TypeVar

import click

from tasktracker_server import logs
from tasktracker_server.settings import SETTINGS, InvalidSettings, Setting, Settings

Command = TypeVar("Command", bound=Callable[..., object])


def settings_flags(command: Command) -> Command:
    """Give a command one flag for each setting.

    The flags take texts and check nothing, so that ``Settings.load`` can tell all problems at once.
    """
    for setting in reversed(SETTINGS):
        command = _flag(setting)(command)
    return command


def _flag(setting: Setting) -> Callable[[Command], Command]:
    text = f"{setting.say.doc} [{setting.env}; default: {setting.default}]"
    if setting.type is bool:
        return click.option(f"{setting.flag}/--no-{setting.flag[2:]}", setting.name, default=None, help=text)
    metavar = "|".join(setting.choices) or setting.metavar
    return click.option(setting.flag, setting.name, type=str, default=None, metavar=metavar, help=text)


def load_settings(flags: Mapping[str, object]) -> Settings:
    """The settings of this process, with logging set up by them; ends with status 2 when some are wrong."""
    try:
        settings = Settings.load(os.environ, flags)
    except InvalidSettings as invalid:
        lines = "".join(f"\n  {problem}" for problem in invalid.problems)
        raise click.UsageError(f"some settings can't be used:{lines}") from None
    logs.configure(settings.log_level, settings.log_format)
    return settings
