"""Requests per second of each call against one server process, as ratios to a bare Tornado handler.

``python -m bench.http_rates --save``; README.md says how to read it.
"""

import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import click
import psutil  # type: ignore[import-untyped]
from rich.console import Console

from bench.calls import BARE, CALLS, Call, Supply, WrongAnswersError
from bench.load import Counted, Generator, Load, generator
from bench.report import Window, print_table, save
from tasktracker_server.demo.processes import LISTENING, Child, running_child, service
from tasktracker_server.embedded import ephemeral

_SELF: Final = psutil.Process()
SPARE: Final = 3.0
"""Requests built for a window, by how many the last one took."""
WARM_UP_SECONDS: Final = 1.0
ENOUGH: Final = 0.5
"""A window that ran out of requests before this share of its time says too little."""


@dataclass(frozen=True)
class Measured:
    """A window's counts and the processor time the server took for each answer."""

    counted: Counted
    cpu_us: float
    foreign_cores: float
    """What all processes but this one and its children took of the machine."""


class Side:
    """One of the two servers that are compared."""

    def __init__(self, generator: Generator, child: Child, connections: int) -> None:
        self._generator = generator
        self._process = psutil.Process(child.pid)
        self.port = urlsplit(child.wait_for(LISTENING)).port or 0
        self._connections = connections

    def measure(self, call: Call, requests: Sequence[bytes], seconds: float) -> Measured:
        """One window."""
        load = Load(self.port, requests, call.status, call.telling, seconds, call.repeat, self._connections)
        before, all_before, own_before = _cpu_seconds(self._process), _machine_seconds(), _cpu_seconds(_SELF)
        began = time.monotonic()
        counted = self._generator.run(load)
        spent = _cpu_seconds(self._process) - before
        foreign = _machine_seconds() - all_before - (_cpu_seconds(_SELF) - own_before)
        if counted.wrong or not counted.answers:
            raise WrongAnswersError(f"{call.name}: {counted.wrong} wrong answers: {counted.samples}")
        return Measured(counted, 1e6 * spent / counted.sent, foreign / (time.monotonic() - began))


def _cpu_seconds(process: psutil.Process) -> float:
    """What a process and all below it have used."""
    family = [process, *process.children(recursive=True)]
    return float(sum(sum(member.cpu_times()[:2]) for member in family))


def _machine_seconds() -> float:
    """What all processes have used, and a host that shares its cores has taken away."""
    times = psutil.cpu_times()
    return float(times.user + times.system + times.nice + getattr(times, "steal", 0.0))


BARE_CALL: Final = Call("bare", "the yardstick", b'"ok"', repeat=True)


class Comparison:
    """The calls against the service, each between two windows of the bare handler."""

    def __init__(self, service: Side, bare: Side, supply: Supply, calls: Sequence[Call]) -> None:
        self._service = service
        self._bare = bare
        self._supply = supply
        self._calls = calls
        self._rates: dict[str, float] = {}

    def warm_up(self) -> None:
        """Short windows that nobody keeps: connections, plans and caches, and how many requests to build."""
        bare = self._measure_bare(WARM_UP_SECONDS)
        for call in self._calls:
            self._rates[call.name] = bare.counted.rate
            self._measure(call, WARM_UP_SECONDS)

    def round(self, seconds: float) -> list[Window]:
        """Each call once: bare, call, bare, call … bare."""
        windows = []
        before = self._measure_bare(seconds)
        for call in self._calls:
            measured = self._measure(call, seconds)
            after = self._measure_bare(seconds)
            windows.append(_window(call, measured, before, after))
            before = after
        return windows

    def _measure_bare(self, seconds: float) -> Measured:
        return self._bare.measure(BARE_CALL, [BARE], seconds)

    def _measure(self, call: Call, seconds: float) -> Measured:
        requests = self._supply.requests(call, int(self._rates[call.name] * seconds * SPARE))
        measured = self._service.measure(call, requests, seconds)
        if measured.counted.seconds < ENOUGH * seconds:
            raise WrongAnswersError(f"{call.name}: {len(requests)} requests were not enough for the window")
        self._rates[call.name] = measured.counted.rate
        return measured


def _window(call: Call, measured: Measured, before: Measured, after: Measured) -> Window:
    counted = measured.counted
    return Window(
        call=call.name,
        rate=counted.rate,
        bare_rate=(before.counted.rate + after.counted.rate) / 2,
        answers=counted.answers,
        p50_ms=counted.percentile(0.50),
        p99_ms=counted.percentile(0.99),
        cpu_us=measured.cpu_us,
        bare_cpu_us=(before.cpu_us + after.cpu_us) / 2,
        foreign_cores=(before.foreign_cores + after.foreign_cores) / 2,
    )


@dataclass(frozen=True)
class Options:
    """What the command line said."""

    rounds: int
    seconds: float
    connections: int
    only: tuple[str, ...]
    database_url: str | None
    redis_url: str | None
    save: bool
    serve_options: tuple[str, ...]


@click.command()
@click.option("--rounds", type=click.IntRange(1), default=5, show_default=True)
@click.option("--seconds", type=click.FloatRange(0.5), default=2.5, show_default=True, help="Of each window.")
@click.option("--connections", type=click.IntRange(1), default=32, show_default=True)
@click.option("--only", multiple=True, type=click.Choice([call.name for call in CALLS]), help="Repeatable.")
@click.option("--database-url", help="Instead of an embedded PostgreSQL.")
@click.option("--redis-url", help="Instead of an embedded Redis.")
@click.option("--save", is_flag=True, help="Write a dated file into bench/results.")
@click.argument("serve_options", nargs=-1, type=click.UNPROCESSED)
def main(**options: Any) -> None:
    """Compare the service with a bare Tornado handler. After -- come options of `serve`."""
    chosen = Options(**options)
    console = Console(highlight=False)
    try:
        windows = _measure_all(chosen, console)
    except WrongAnswersError as error:
        raise click.ClickException(str(error)) from error
    print_table(console, windows)
    if chosen.save:
        settings = {
            "rounds": chosen.rounds,
            "seconds": chosen.seconds,
            "connections": chosen.connections,
            "embedded_stores": chosen.database_url is None and chosen.redis_url is None,
        }
        console.print(f"saved as {save(windows, settings).relative_to(Path.cwd())}")


def _measure_all(options: Options, console: Console) -> list[Window]:
    calls = [call for call in CALLS if not options.only or call.name in options.only]
    with ExitStack() as started:
        load = started.enter_context(generator())
        folder = Path(started.enter_context(tempfile.TemporaryDirectory()))
        urls = _store_urls(options, started)
        server = started.enter_context(
            service(["--port", "0", *urls, *options.serve_options], folder / "service.log")
        )
        bare = started.enter_context(running_child("bare", "bench.bare", [], folder / "bare.log"))
        side = Side(load, server, options.connections)
        yardstick = Side(load, bare, options.connections)
        with console.status("preparing") as status:
            comparison = Comparison(side, yardstick, Supply(load, side.port), calls)
            comparison.warm_up()
            windows = []
            for number in range(1, options.rounds + 1):
                status.update(f"round {number} of {options.rounds}")
                windows += comparison.round(options.seconds)
    return windows


def _store_urls(options: Options, started: ExitStack) -> list[str]:
    database_url, redis_url = options.database_url, options.redis_url
    if database_url is None or redis_url is None:
        stores = started.enter_context(
            ephemeral(postgres=database_url is None, redis=redis_url is None, durable=True)
        )
        database_url, redis_url = database_url or stores.database_url, redis_url or stores.redis_url
    return ["--database-url", str(database_url), "--redis-url", str(redis_url)]


if __name__ == "__main__":
    sys.exit(main())
