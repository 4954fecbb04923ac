"""What the bench leaves: a table for people, a dated file for comparing."""

import json
import os
import platform
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.table import Table

from bench.calls import CALLS, Call

QUIET: Final = 0.15
RESULTS: Final = Path(__file__).parent / "results"
PACKAGES: Final = ("tasktracker-server", "tornado", "uvloop", "msgspec", "psycopg", "redis", "hiredis")


@dataclass(frozen=True)
class Window:
    """One call in one round, with the bare handler's rate right before and right after."""

    call: str
    rate: float
    bare_rate: float
    answers: int
    p50_ms: float
    p99_ms: float
    cpu_us: float
    """What the server process spent for each request."""
    bare_cpu_us: float
    foreign_cores: float
    """What processes that are not of this bench took beside the yardstick."""

    @property
    def ratio(self) -> float:
        return self.rate / self.bare_rate


@dataclass(frozen=True)
class Spread:
    """Median, least and most of several rounds."""

    median: float
    least: float
    most: float

    @classmethod
    def of(cls, values: Sequence[float]) -> "Spread":
        return cls(statistics.median(values), min(values), max(values))

    def text(self, form: str) -> str:
        return f"{self.median:{form}} [dim]({self.least:{form}} to {self.most:{form}})[/]"


def print_table(console: Console, windows: Sequence[Window]) -> None:
    table = Table(box=None, header_style="dim", pad_edge=False)
    table.add_column("call", no_wrap=True)
    for name in ("req/s", "bare", "ratio", "target", "p50", "p99", "CPU", "bare"):
        table.add_column(name, justify="right", no_wrap=True)
    for call in CALLS:
        mine = [window for window in windows if window.call == call.name]
        if mine:
            table.add_row(*_row(call, mine))
    console.print(table)
    console.print("[dim]p50 and p99 in ms; CPU of the server process in µs for each request[/]")
    if (foreign := foreign_cores(windows)) > QUIET:
        console.print(
            f"[yellow]Others took {foreign} cores meanwhile. That slows the yardstick most, so the ratios are"
            " too good: measure on a quiet machine.[/]"
        )
    for call in CALLS:
        console.print(f"[dim]{call.name}: {call.what}[/]")


def foreign_cores(windows: Sequence[Window]) -> float:
    """What others took of the machine meanwhile."""
    return round(statistics.median(window.foreign_cores for window in windows), 2)


def save(windows: Sequence[Window], settings: dict[str, Any]) -> Path:
    """Write a dated result; the file's path."""
    moment = datetime.now(UTC)
    result = {
        "bench": "http_rates",
        "date": moment.isoformat(timespec="seconds"),
        "machine": _machine() | {"cores_taken_by_others": foreign_cores(windows)},
        "settings": settings,
        "calls": {call.name: _figures(call, windows) for call in CALLS},
    }
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{moment:%Y-%m-%dT%H%M}-http_rates.json"
    path.write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n")
    return path


def _row(call: Call, windows: Sequence[Window]) -> tuple[str, ...]:
    ratio = Spread.of([window.ratio for window in windows])
    beaten = call.target is None or ratio.median >= call.target
    colour = "green" if beaten else "red"
    return (
        call.name,
        f"{statistics.median(window.rate for window in windows):,.0f}",
        f"{statistics.median(window.bare_rate for window in windows):,.0f}",
        f"[{colour}]{ratio.text('.2f')}[/]",
        "" if call.target is None else f"{call.target:.2f} {'✓' if beaten else '✗'}",
        f"{statistics.median(window.p50_ms for window in windows):.1f}",
        f"{statistics.median(window.p99_ms for window in windows):.1f}",
        f"{statistics.median(window.cpu_us for window in windows):.0f}",
        f"{statistics.median(window.bare_cpu_us for window in windows):.0f}",
    )


def _figures(call: Call, windows: Sequence[Window]) -> dict[str, Any]:
    mine = [window for window in windows if window.call == call.name]
    columns = ("ratio", "rate", "bare_rate", "p50_ms", "p99_ms", "cpu_us", "bare_cpu_us")
    figures: dict[str, Any] = {"what": call.what, "target_ratio": call.target}
    for column in columns:
        spread = Spread.of([getattr(window, column) for window in mine])
        digits = 3 if column == "ratio" else 1
        figures[column] = {
            "median": round(spread.median, digits),
            "min": round(spread.least, digits),
            "max": round(spread.most, digits),
        }
    figures["answers"] = sum(window.answers for window in mine)
    return figures


def _machine() -> dict[str, Any]:
    return {
        "cores": os.cpu_count(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "packages": {package: version(package) for package in PACKAGES},
    }
