"""A task on a terminal: a line that lives, and above it what stays."""

import signal
from types import FrameType, TracebackType
from typing import TYPE_CHECKING, Final, Self

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.text import Text

from tasktracker_cli.output import compact, printable
from tasktracker_cli.reading import reading_of
from tasktracker_client import Gap, Lifecycle, StatusChange
from tasktracker_client import Progress as Entry

if TYPE_CHECKING:
    from tasktracker_client import TrackEvent

_WORDS: Final = {"in_progress": "in progress"}
_COLORS: Final = {"completed": "green", "failed": "red", "timeout": "red"}


def _leave(number: int, frame: FrameType | None) -> None:
    """End as the signal would, but by way of the block that gives the cursor back."""
    raise SystemExit(128 + number)


class Bar:
    """Draws what happens to a task; a ``with`` block, for the terminal has to be left as it was found."""

    def __init__(self, task_id: str, *, lifecycle: bool) -> None:
        self._console = Console(markup=False, highlight=False)
        self._lifecycle = lifecycle
        self._progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}", markup=False),
            TextColumn("{task.fields[status]}", markup=False),
            BarColumn(bar_width=30),
            TextColumn("{task.fields[percent]}", markup=False),
            TimeElapsedColumn(),
            TextColumn("{task.fields[message]}", markup=False),
            console=self._console,
        )
        self._bar = self._progress.add_task(task_id, total=None, status="", percent="", message="")

    def __enter__(self) -> Self:
        self._on_term = signal.signal(signal.SIGTERM, _leave)
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()
        signal.signal(signal.SIGTERM, self._on_term)

    def event(self, event: "TrackEvent") -> None:
        """Show what is new."""
        if isinstance(event, Entry):
            self._entry(event)
        elif isinstance(event, StatusChange):
            self._end(event)
        elif isinstance(event, Gap):
            self._say(f"entries {event.from_seq_id} to {event.to_seq_id} were lost", "yellow")
        else:
            self._change(event)

    def _entry(self, event: Entry) -> None:
        reading = reading_of(event.data)
        if reading.lines:
            # At once: each print draws the bar anew.
            self._say("\n".join(map(printable, reading.lines)), "red" if reading.is_stderr else "")
            return
        message = printable(reading.message)
        if reading.percent is None:
            self._progress.update(self._bar, message=message)
        else:
            percent = f"{reading.percent:3.0f} %"
            self._progress.update(
                self._bar, total=100, completed=reading.percent, percent=percent, message=message
            )

    def _change(self, event: Lifecycle) -> None:
        self._progress.update(
            self._bar, description=event.task_id, status=_WORDS.get(event.status, event.status)
        )
        if self._lifecycle:
            who = f" by {printable(event.worker_id)}" if event.worker_id else ""
            self._say(f"{event.status}: {event.reason}{who}", "dim")

    def _end(self, event: StatusChange) -> None:
        self._progress.update(self._bar, status=event.status)
        if event.status == "completed":
            self._progress.update(self._bar, total=100, completed=100, percent="100 %")
        if event.new_task_id is None:
            self._progress.stop()
        outcome = event.result if event.status == "completed" else event.error
        told = "" if outcome is None else f": {printable(compact(outcome))}"
        goes_on = f"; retried as {event.new_task_id}" if event.new_task_id else ""
        self._say(f"{event.status}{told}{goes_on}", _COLORS[event.status])
        if event.new_task_id:
            self._progress.reset(
                self._bar, total=None, description=event.new_task_id, status="pending", percent="", message=""
            )

    def _say(self, text: str, style: str) -> None:
        self._console.print(Text(printable(text, keep="\n"), style), soft_wrap=True)
