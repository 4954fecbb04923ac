"""The last page: each task with what was checked, and the whole in figures."""

from collections.abc import Sequence
from typing import Final

from rich.console import Console
from rich.filesize import decimal
from rich.table import Table
from rich.text import Text

from tasktracker_schema.names import JsonObject
from tasktracker_schema.routes import BASE_PATH
from tasktracker_server.demo.display import short
from tasktracker_server.demo.run import Job, Run

LABEL_LENGTH: Final = 26


def print_summary(console: Console, run: Run) -> bool:
    """Print it; whether all was as it should be."""
    console.print(_table(run.jobs))
    faults = [(job, fault) for job in run.jobs for fault in job.faults]
    console.print(Text(_totals(run)))
    if not faults:
        console.print(
            Text(
                "Checked: each history is numbered 1 to n without a hole and equals what the live streams"
                " brought, exactly once and in order; each sha256 is the file's.",
                style="green",
            )
        )
    for job, fault in faults:
        console.print(Text(f"WRONG: {job.file.label}: {fault}", style="bold red"))
    return not faults


def print_how_to_look(console: Console, run: Run) -> None:
    """The addresses of the service that stays up."""
    task = f"{run.url}{BASE_PATH}/{run.jobs[0].tracks[-1].task_id}"
    console.print(f"\nThe service stays up until Ctrl-C: [bold]{run.url}[/] (its API: {run.url}/docs)")
    console.print("Look at a task, and at its stream:")
    for command in (f"curl -s {task}", f"curl -sN {task}/track"):
        console.print(Text(f"  {command}", style="cyan"), soft_wrap=True)


def _table(jobs: Sequence[Job]) -> Table:
    table = Table(box=None, header_style="dim", pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("file", no_wrap=True)
    for name in ("bytes", "packed", "ratio", "entries"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("by", no_wrap=True)
    table.add_column("checked", no_wrap=True)
    for job in jobs:
        for number, task in enumerate(job.tasks):
            entries = len(job.tracks[number].entries)
            table.add_row(*_row(job, task, entries, again=number > 0))
    return table


def _row(job: Job, task: JsonObject, entries: int, *, again: bool) -> tuple[Text, ...]:
    result = task["result"] or {}
    label = "  its retry" if again else short(job.file.label, LABEL_LENGTH)
    packed = f"{result['compressedBytes']:,}" if result else task["status"]
    ratio = f"{result['ratio']:.1%}" if result else ""
    verdict = Text("✗ wrong", "bold red") if job.faults else Text("✓", "green")
    amounts = (f"{job.file.size:,}", packed, ratio, str(entries))
    return Text(label), *map(Text, amounts), Text(task["workerId"] or ""), verdict


def _totals(run: Run) -> str:
    tracks = [track for job in run.jobs for track in job.tracks]
    packed = sum((job.tasks[-1]["result"] or {}).get("compressedBytes", 0) for job in run.jobs)
    resumed = sum(track.streams - 1 for track in tracks)
    parts = [
        f"\n{len(run.jobs)} file{'' if len(run.jobs) == 1 else 's'}",
        f"{decimal(sum(job.file.size for job in run.jobs))} compressed to {decimal(packed)}",
        f"{len(tracks)} tasks ({len(tracks) - len(run.jobs)} retried)",
        f"{sum(len(track.entries) for track in tracks)} progress entries",
        f"{run.seconds:.1f} s",
    ]
    return ", ".join(parts) + (f"; {resumed} streams were cut and resumed" if resumed else "") + "."
