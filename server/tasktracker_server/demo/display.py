"""What a person sees meanwhile: live bars in a terminal, one line per finished task elsewhere."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final, Protocol

from rich.console import Console, Group
from rich.filesize import decimal
from rich.live import Live
from rich.markup import escape
from rich.padding import Padding
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TaskID, TextColumn
from rich.text import Text

from tasktracker_schema.names import JsonObject
from tasktracker_server.demo.files import ChosenFile
from tasktracker_server.demo.follow import Track

LABEL_LENGTH: Final = 32


class Display(Protocol):
    """What the demo tells while it runs."""

    def entry(self, file: ChosenFile, entry: JsonObject) -> None:
        """A progress entry came over the stream."""
        ...

    def retrying(self, file: ChosenFile, failed: Track, new_task_id: str) -> None:
        """The planted failure was seen, and retried as another task."""
        ...

    def ended(self, file: ChosenFile, track: Track) -> None:
        """A file's last task has ended."""
        ...


def short(label: str, length: int) -> str:
    """A label's end, where the file's name is."""
    return label if len(label) <= length else "…" + label[1 - length :]


@contextmanager
def shown(console: Console, files: Sequence[ChosenFile]) -> Iterator[Display]:
    """The display that fits where the output goes."""
    if not console.is_terminal:
        yield Lines(console, len(files))
        return
    bars = Bars(console, files)
    with Live(bars.layout, console=console, refresh_per_second=12):
        yield bars


class Lines:
    """One line for each finished task."""

    def __init__(self, console: Console, total: int) -> None:
        self._console = console
        self._total = total
        self._ended = 0

    def entry(self, file: ChosenFile, entry: JsonObject) -> None:
        """Nothing: a line each would be hundreds."""

    def retrying(self, file: ChosenFile, failed: Track, new_task_id: str) -> None:
        """One line."""
        self._console.print(Text(_retry_note(file, failed, new_task_id)), soft_wrap=True)

    def ended(self, file: ChosenFile, track: Track) -> None:
        """One line."""
        self._ended += 1
        final = track.final or {}
        line = f"[{self._ended:>2}/{self._total}] {final.get('status')}: {file.label}"
        if result := final.get("result"):
            sizes = f"{decimal(result['bytes'])} to {decimal(result['compressedBytes'])}"
            line += f", {sizes} with {result['method']}, {len(track.entries)} entries"
        self._console.print(Text(line), soft_wrap=True)


class Bars:
    """Two bars for the whole, and one for each task that is being worked on."""

    def __init__(self, console: Console, files: Sequence[ChosenFile]) -> None:
        self._console = console
        name, bar = TextColumn("{task.description:<6}"), BarColumn(bar_width=30)
        amount = TextColumn("{task.fields[amount]}")
        self._tasks = Progress(name, bar, MofNCompleteColumn(), console=console)
        self._bytes = Progress(name, bar, amount, console=console)
        self._active = Progress(
            SpinnerColumn("dots"),
            TextColumn(f"{{task.description:<{LABEL_LENGTH}}}"),
            BarColumn(bar_width=24),
            TextColumn("{task.percentage:>3.0f} %"),
            TextColumn("[dim]{task.fields[message]}"),
            console=console,
        )
        self._all_bytes = sum(file.size for file in files)
        self._tasks_bar = self._tasks.add_task("tasks", total=len(files))
        self._bytes_bar = self._bytes.add_task("bytes", total=self._all_bytes, amount="")
        self._done: dict[str, int] = {}
        self._rows: dict[str, TaskID] = {}
        self.layout = Group(self._tasks, self._bytes, Padding(self._active, (1, 0, 0, 0)))

    def entry(self, file: ChosenFile, entry: JsonObject) -> None:
        """Move the file's bar; it appears with the first entry."""
        if file.label not in self._rows:
            name = escape(short(file.label, LABEL_LENGTH))
            self._rows[file.label] = self._active.add_task(name, total=file.size, message="")
        done, message = entry["bytesDone"], escape(entry["message"])
        self._active.update(self._rows[file.label], completed=done, message=message)
        self._count_bytes(file, done)

    def retrying(self, file: ChosenFile, failed: Track, new_task_id: str) -> None:
        """Say it above the bars, and start the file's bar anew."""
        self._console.print(Text(_retry_note(file, failed, new_task_id), style="yellow"))
        self._remove_row(file)
        self._count_bytes(file, 0)

    def ended(self, file: ChosenFile, track: Track) -> None:
        """Take the file's bar away and count it above."""
        final = track.final or {}
        if final.get("status") != "completed":
            told = f"{file.label}: {final.get('status')}: {final.get('error')}"
            self._console.print(Text(told, style="red"))
        self._remove_row(file)
        self._count_bytes(file, file.size)
        self._tasks.advance(self._tasks_bar)

    def _remove_row(self, file: ChosenFile) -> None:
        row = self._rows.pop(file.label, None)
        if row is not None:
            self._active.remove_task(row)

    def _count_bytes(self, file: ChosenFile, done: int) -> None:
        self._done[file.label] = done
        done = sum(self._done.values())
        amount = f"{decimal(done)} of {decimal(self._all_bytes)}"
        self._bytes.update(self._bytes_bar, completed=done, amount=amount)


def _retry_note(file: ChosenFile, failed: Track, new_task_id: str) -> str:
    error = (failed.final or {}).get("error") or {}
    return f"{file.label}: failed as planned ({error.get('message')}); retried as {new_task_id}"
