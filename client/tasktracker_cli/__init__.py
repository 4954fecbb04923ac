"""The command line ``tasktracker``; it needs the extra ``tasktracker-client[cli]``."""

import sys
from importlib.util import find_spec
from typing import Final

_NEEDED: Final = ("click", "rich")


def main() -> None:
    """Run the command that the arguments name; without the extra, say what to install."""
    if not all(map(find_spec, _NEEDED)):
        sys.exit("tasktracker: the command line is an extra: pip install 'tasktracker-client[cli]'")
    from tasktracker_cli.group import tasktracker

    tasktracker(prog_name="tasktracker")
