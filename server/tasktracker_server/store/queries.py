"""The named statements: one file each in ``sql/``."""

import re
from functools import cache
from importlib import resources
from typing import LiteralString

from tasktracker_server.core.records import ROW_COLUMNS, TASK_COLUMNS


@cache
def query(name: str) -> LiteralString:
    """The statement of this name.

    The text comes from files of this package alone; ``{page}`` stands for the part that lists share.
    """
    text = _text(f"{name}.sql").replace("{page}", _text("parts", "page.sql"))
    return text.replace("{task}", TASK_COLUMNS).replace("{row}", ROW_COLUMNS)


@cache
def only_reads(name: str) -> bool:
    """Whether the statement changes nothing."""
    return re.search(r"\b(insert|update|delete)\b", query(name)) is None


def _text(*path: str) -> LiteralString:
    return resources.files(__package__).joinpath("sql", *path).read_text()


def names() -> list[str]:
    """Every statement there is."""
    return sorted(
        entry.name.removesuffix(".sql")
        for entry in resources.files(__package__).joinpath("sql").iterdir()
        if entry.is_file()
    )
