"""What a long history costs: the same calls on two tables, side by side, as ratios of their medians.

``python -m bench.history_size`` compares an empty table with one of three million ended tasks;
``--compare indexes`` an empty table without the indexes that finding tasks needs with one that has them.
"""

import statistics
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit, urlunsplit

import click
import psycopg
from rich.console import Console
from rich.table import Table

from bench.calls import CLAIM, COMPLETE, LIST, REGISTER, Call, Supply, WrongAnswersError
from bench.load import Counted, Generator, Load, generator
from tasktracker_server.demo.processes import LISTENING, service
from tasktracker_server.embedded import ephemeral

CALLS: Final = (REGISTER, CLAIM, COMPLETE, LIST)
WARM_UP_SECONDS: Final = 1.0
SPARE: Final = 3.0
"""Requests built for a window, by how many the last one took."""
FIRST_RATE: Final = 1_000.0
FIND: Final = ("tracker_tasks_newest", "tracker_tasks_newest_of_type", "tracker_tasks_ended")

_FILL: Final = """
    insert into tracker_tasks (id, task_type, status, metadata, params, result, timeout_seconds, worker_id,
                               attempt, created_at, updated_at, started_at, completed_at, timeout_at)
    select 'old-' || n, 'type-' || n %% 20, case when n %% 1000 = 0 then 'failed' else 'completed' end,
           '{"owner":"bench"}', '{"src":"a.mov","width":1920}', '{"ok":true}', 86400, 'worker-' || n %% 50,
           1, made, made, made, made + interval '1 second', made + interval '1 day'
    from (select n, now() - (%(rows)s - n + 1) * interval '500 ms' as made
          from generate_series(1, %(rows)s) as n) as old
"""


class Side:
    """A service on a table of its own, and the requests for it."""

    def __init__(self, name: str, port: int, load: Generator, connections: int) -> None:
        self.name = name
        self._port = port
        self._load = load
        self._connections = connections
        self._supply = Supply(load, port)
        self._rates: dict[str, float] = defaultdict(lambda: FIRST_RATE)

    def median_ms(self, call: Call, seconds: float) -> float:
        """The median time of an answer in one window."""
        count = int(self._rates[call.name] * seconds * SPARE)
        counted = self._send(call, self._supply.requests(call, count), seconds)
        if counted.wrong or not counted.answers:
            raise WrongAnswersError(f"{call.name}: {counted.wrong} wrong answers: {counted.samples}")
        self._rates[call.name] = counted.rate
        return counted.percentile(0.50)

    def _send(self, call: Call, requests: Sequence[bytes], seconds: float) -> Counted:
        return self._load.run(
            Load(self._port, requests, call.status, call.telling, seconds, call.repeat, self._connections)
        )


@click.command()
@click.option("--compare", type=click.Choice(["rows", "indexes"]), default="rows", show_default=True)
@click.option("--rows", type=click.IntRange(1), default=3_000_000, show_default=True)
@click.option("--rounds", type=click.IntRange(1), default=30, show_default=True)
@click.option("--seconds", type=click.FloatRange(0.1), default=0.5, show_default=True, help="Of each window.")
@click.option("--connections", type=click.IntRange(1), default=4, show_default=True)
def main(compare: str, rows: int, rounds: int, seconds: float, connections: int) -> None:
    """Compare medians of the calls on two tables.

    The last column compares the best window of each side, which other work on the machine disturbs least.
    """
    console = Console(highlight=False)
    try:
        with ExitStack() as started, console.status("preparing"):
            one, other = _sides(compare, rows, connections, started)
            medians = _measure(one, other, rounds, seconds)
    except WrongAnswersError as error:
        raise click.ClickException(str(error)) from error
    console.print(_table(one.name, other.name, medians))


def _sides(compare: str, rows: int, connections: int, started: ExitStack) -> tuple[Side, Side]:
    load = started.enter_context(generator())
    folder = Path(started.enter_context(tempfile.TemporaryDirectory()))
    stores = started.enter_context(ephemeral(durable=True))
    names = ("empty", f"{rows:,} ended") if compare == "rows" else ("without", "with indexes")
    urls = [_database(stores.database_url, name) for name in ("one", "other")]
    sides = []
    for number, (name, url) in enumerate(zip(names, urls, strict=True)):
        options = ["--port", "0", "--database-url", url, "--redis-url", stores.redis_url]
        child = started.enter_context(
            service([*options, "--redis-prefix", f"bench{number}"], folder / f"{number}.log")
        )
        port = urlsplit(child.wait_for(LISTENING)).port or 0
        with _connected(url) as connection:
            if compare == "rows" and number == 1:
                connection.execute(_FILL, {"rows": rows})
            if compare == "indexes" and number == 0:
                for index in FIND:
                    connection.execute(f"drop index {index}".encode())
            connection.execute("vacuum analyze tracker_tasks")
            connection.execute("checkpoint")
        sides.append(Side(name, port, load, connections))
    return sides[0], sides[1]


def _database(url: str, name: str) -> str:
    with _connected(url) as connection:
        connection.execute(f"create database bench_{name}".encode())
    return urlunsplit(urlsplit(url)._replace(path=f"/bench_{name}"))


@contextmanager
def _connected(url: str) -> Iterator[psycopg.Connection[tuple[object, ...]]]:
    with psycopg.connect(url, autocommit=True) as connection:
        yield connection


def _measure(one: Side, other: Side, rounds: int, seconds: float) -> dict[str, list[tuple[float, float]]]:
    """Medians of both sides, in pairs of windows right after each other; who is first changes."""
    calls = [call for call in CALLS if call is not LIST or one.name != "without"]
    for side in (one, other):
        for call in calls:
            side.median_ms(call, WARM_UP_SECONDS)
    medians: dict[str, list[tuple[float, float]]] = {call.name: [] for call in calls}
    for number in range(rounds):
        for call in calls:
            if number % 2:
                second, first = other.median_ms(call, seconds), one.median_ms(call, seconds)
            else:
                first, second = one.median_ms(call, seconds), other.median_ms(call, seconds)
            medians[call.name].append((first, second))
    return medians


def _table(one: str, other: str, medians: dict[str, list[tuple[float, float]]]) -> Table:
    table = Table("call", f"{one}, ms", f"{other}, ms", "ratio", "middle half", "of the best", box=None)
    for call, pairs in medians.items():
        ratios = sorted(second / first for first, second in pairs)
        half = ratios[len(ratios) // 4 : -(len(ratios) // 4) or None]
        firsts, seconds = zip(*pairs, strict=True)
        table.add_row(
            call,
            f"{statistics.median(firsts):.2f}",
            f"{statistics.median(seconds):.2f}",
            f"{statistics.median(ratios):.2f}",
            f"{half[0]:.2f} to {half[-1]:.2f}",
            f"{min(seconds) / min(firsts):.2f}",
        )
    return table


if __name__ == "__main__":
    sys.exit(main())
