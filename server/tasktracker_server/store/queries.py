"""The named statements: one file each in ``sql/``."""

from functools import cache
from importlib import resources
from typing import LiteralString

from tasktracker_server.core.records import TASK_COLUMNS


@cache
def query(name: str) -> LiteralString:
    """The statement of this name.

    The text comes from files of this package alone.
    """
    text = resources.files(__package__).joinpath("sql", f"{name}.sql").read_text()
    return text.replace("{task}", TASK_COLUMNS)


def names() -> list[str]:
    """Every statement there is."""
    return sorted(
        entry.name.removesuffix(".sql") for entry in resources.files(__package__).joinpath("sql").iterdir()
    )
