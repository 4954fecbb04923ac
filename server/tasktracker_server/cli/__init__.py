"""The command line: ``tasktracker-server``."""

from tasktracker_server.cli.group import main

__all__ = ["main"]
