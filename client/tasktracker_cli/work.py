"""``worker``."""

import logging
import sys
from importlib import import_module
from typing import TYPE_CHECKING

import click

from tasktracker_cli.service import address, service_options, settings

if TYPE_CHECKING:
    from tasktracker_client import WorkerPool


@click.command()
@click.argument("place", metavar="MODULE:POOL")
@click.option("--concurrency", type=click.IntRange(min=1), help="Jobs at once.  [default: the pool's own]")
@click.option("--until-empty", is_flag=True, help="End when there is nothing left to claim.")
@click.option(
    "--log-level",
    type=click.Choice(["debug", "info", "warning", "error"]),
    default="info",
    show_default=True,
    help="What is logged to stderr, unless the module sets logging up by itself.",
)
@service_options
def worker(place: str, concurrency: int | None, until_empty: bool, log_level: str) -> None:
    """Run the WorkerPool named POOL in MODULE, a module on the path or in the current directory.

    It ends by SIGTERM or Ctrl-C, after what its jobs are given to finish; a second one ends it at once.

    \b
    Example:
      tasktracker worker my_app.tasks:pool --concurrency 8
    """
    pool = _pool(place)
    _set_up_logging(log_level.upper())
    base_url, api_key = settings()
    logging.getLogger("tasktracker_client").info("%r works for %s", pool, address())
    try:
        pool.run(base_url, api_key=api_key, concurrency=concurrency, until_empty=until_empty)
    except (ValueError, TypeError) as error:
        raise click.ClickException(f"{place} can't run: {error}") from error


def _set_up_logging(level: str) -> None:
    """Log to stderr, unless the module did more than to have records reported as progress."""
    from tasktracker_client import JobLogHandler

    logging.getLogger("httpx").setLevel(logging.WARNING)
    root = logging.getLogger()
    if any(not isinstance(handler, JobLogHandler) for handler in root.handlers):
        return
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    root.addHandler(handler)
    root.setLevel(level)


def _pool(place: str) -> "WorkerPool":
    from tasktracker_client import WorkerPool

    name, _, attribute = place.partition(":")
    if not (all(part.isidentifier() for part in name.split(".")) and attribute):
        raise click.UsageError(f"{place!r} is not of the form MODULE:POOL, as in my_app.tasks:pool.")
    sys.path.insert(0, "")
    try:
        module = import_module(name)
    except ModuleNotFoundError as error:
        # Of a module that itself misses another, the traceback is what helps.
        if error.name is None or not f"{name}.".startswith(f"{error.name}."):
            raise
        raise click.UsageError(f"there is no module {name!r}.") from None
    found = getattr(module, attribute, None)
    if not isinstance(found, WorkerPool):
        what = "nothing of that name" if found is None else f"a {type(found).__name__}"
        raise click.UsageError(f"{attribute!r} in {name!r} is no WorkerPool but {what}.")
    return found
