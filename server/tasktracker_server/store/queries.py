"""The named statements: one file each in ``sql/``."""

import re
from functools import cache
from importlib import resources
from typing import LiteralString

from tasktracker_server.core.records import ROW_COLUMNS, TASK_COLUMNS


@cache
def query(name: str) -> LiteralString:
    """The statement of this name.

    The text comes from files of this package alone. A line ``{page}`` stands for ``parts/page.sql``, and so
    on: what several statements share; parts may hold parts.
    """
    text = _with_parts(f"{name}.sql")
    return text.replace("{task}", TASK_COLUMNS).replace("{row}", ROW_COLUMNS)


def _with_parts(*path: str) -> LiteralString:
    text = _text(*path)
    for part in re.findall(r"^\{(\w+)\}$", text, re.MULTILINE):
        text = text.replace(f"{{{part}}}", _with_parts("parts", f"{part}.sql"))
    return text


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
