"""``tasktracker-server demo``: all started, real files worked on, all of it checked, all of it stopped."""

import asyncio
import os
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import click
from rich.console import Console
from rich.filesize import decimal

from tasktracker_client import TaskTrackerError
from tasktracker_server.demo.display import shown
from tasktracker_server.demo.files import ChosenFile, choose_files
from tasktracker_server.demo.follow import LostTrackError
from tasktracker_server.demo.interrupts import Interrupts
from tasktracker_server.demo.processes import LISTENING, Child, ProcessEndedError, service, workers
from tasktracker_server.demo.run import Run
from tasktracker_server.demo.summary import print_how_to_look, print_summary
from tasktracker_server.embedded import EmbeddedError, ephemeral, running

LOOK_SECONDS: Final = 0.5
FOUND_WANTING: Final = 1
INTERRUPTED: Final = 130


@dataclass(frozen=True)
class Options:
    """What the command line said."""

    path: Path | None
    keep: bool
    workers: int
    limit: int
    data_dir: Path | None
    host: str
    port: int


@click.command()
@click.argument("path", required=False, type=click.Path(exists=True, path_type=Path))
@click.option("--keep", is_flag=True, help="Leave the service up until Ctrl-C.")
@click.option(
    "--workers",
    type=click.IntRange(1, 64),
    default=lambda: max(2, min(4, os.cpu_count() or 2)),
    show_default="one per core, 2 to 4",
    help="Worker processes.",
)
@click.option("--limit", type=click.IntRange(1, 500), default=36, show_default=True, help="Files at most.")
@click.option(
    "--data-dir",
    type=click.Path(file_okay=False, path_type=Path),
    help="Where PostgreSQL and Redis keep their data, which stays there.  [default: a temporary one]",
)
@click.option("--host", default="127.0.0.1", show_default=True, help="Address of the service.")
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="Its port.  [default: a free one]")
def demo(**options: Any) -> None:
    """Show the service at work: files compressed by worker processes, every step followed live.

    A task is registered for each of the largest files below PATH (without one: modules of Python's
    standard library). Workers claim them over HTTP and report as they go. One task fails half-way on
    purpose and is retried. In the end all that was seen live is checked against the stored history.
    """
    interrupts = Interrupts()
    try:
        with interrupts.caught():
            right = _demo(Options(**options), interrupts)
    except KeyboardInterrupt:
        click.echo("Stopped. Nothing is left running.", err=True)
        sys.exit(INTERRUPTED)
    except (EmbeddedError, ProcessEndedError, LostTrackError, TaskTrackerError) as error:
        raise click.ClickException(str(error) or type(error).__name__) from error
    sys.exit(0 if right else FOUND_WANTING)


def _demo(options: Options, interrupts: Interrupts) -> bool:
    console = Console(highlight=False)
    files = choose_files(options.path, options.limit)
    if not files:
        raise click.UsageError(f"there is no readable, non-empty file below {options.path}")
    with ExitStack() as started:
        url, children, task_type = _start(options, console, started, interrupts)
        _tell_plan(console, options, files)
        with shown(console, files) as display:
            run = Run(url, task_type, files, display, children)
            asyncio.run(run.to_end())
        right = print_summary(console, run)
        if options.keep:
            print_how_to_look(console, run)
            _stay(children)
    return right


def _start(
    options: Options, console: Console, started: ExitStack, interrupts: Interrupts
) -> tuple[str, list[Child], str]:
    """Bring up the stores, the service and the workers; ``started`` stops them."""
    task_type = f"demo-{uuid.uuid4().hex[:6]}"  # tasks an interrupted demo left in a kept folder are not ours
    logs = Path(started.enter_context(tempfile.TemporaryDirectory(prefix="tasktracker-demo-")))
    with _step(console, "PostgreSQL and Redis are up"), interrupts.held():
        stores = started.enter_context(running(options.data_dir) if options.data_dir else ephemeral())
    urls = ["--database-url", stores.database_url, "--redis-url", stores.redis_url]
    with _step(console, "the service is up"):
        with interrupts.held():
            address = ["--host", options.host, "--port", str(options.port)]
            server = started.enter_context(service([*address, *urls], logs / "service.log"))
        url = server.wait_for(LISTENING).rstrip("/")
    with interrupts.held():
        hands = started.enter_context(workers(options.workers, url, task_type, logs))
    console.print(f"[green]✓[/] {options.workers} workers are starting, service at [bold]{url}[/]")
    return url, [server, *hands], task_type


@contextmanager
def _step(console: Console, done: str) -> Iterator[None]:
    """One step of the start, with its time."""
    began = time.monotonic()
    with console.status(f"waiting until {done} …"):
        yield
    console.print(f"[green]✓[/] {done} [dim]({time.monotonic() - began:.1f} s)[/]")


def _tell_plan(console: Console, options: Options, files: list[ChosenFile]) -> None:
    where = "Python's standard library" if options.path is None else str(options.path)
    size = decimal(sum(file.size for file in files))
    console.print(f"\nOne task for each of the {len(files)} largest files of {where} ({size}).", markup=False)
    console.print("Each is hashed and compressed by several methods; one task fails on purpose.\n")


def _stay(children: list[Child]) -> None:
    """Until Ctrl-C, or until something has ended by itself."""
    try:
        while True:
            for child in children:
                child.check()
            time.sleep(LOOK_SECONDS)
    except KeyboardInterrupt:
        return
