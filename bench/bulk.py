"""A large queue registered, reported, completed and cancelled in bulk; and the longest call of each kind.

``python -m bench.bulk``. A bulk call is one statement, so no statement took longer than the longest call.
"""

import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

import click
from rich.console import Console
from rich.progress import track
from rich.table import Table

from bench.deployment import Deployment, deployment


class Timed:
    """Bulk calls of one kind, and how long each took."""

    def __init__(self, service: Deployment, console: Console, size: int) -> None:
        self._service = service
        self._console = console
        self._size = size
        self.table = Table("call", "items", "items/s", "longest call", box=None)

    def run(self, name: str, verb: str, items: Sequence[Any]) -> list[Any]:
        """All of these, in calls of the size."""
        outcomes: list[Any] = []
        seconds: list[float] = []
        for start in track(range(0, len(items), self._size), name, console=self._console, transient=True):
            began = time.perf_counter()
            outcomes += self._service.bulk(verb, items[start : start + self._size])
            seconds.append(time.perf_counter() - began)
        rate = len(items) / sum(seconds)
        self.table.add_row(name, f"{len(items):,}", f"{rate:,.0f}", f"{1000 * max(seconds):.0f} ms")
        return outcomes

    def claim_all(self, name: str, count: int, claim: Callable[[int], list[Any]]) -> list[Any]:
        """Claim until so many are claimed."""
        claimed: list[Any] = []
        seconds: list[float] = []
        while len(claimed) < count:
            began = time.perf_counter()
            found = claim(self._size)
            seconds.append(time.perf_counter() - began)
            if not found:
                raise RuntimeError(f"only {len(claimed):,} of {count:,} could be claimed")
            claimed += found
        rate = count / sum(seconds)
        self.table.add_row(name, f"{count:,}", f"{rate:,.0f}", f"{1000 * max(seconds):.0f} ms")
        return claimed


@click.command()
@click.option("--tasks", type=click.IntRange(1), default=100_000, show_default=True)
@click.option("--size", type=click.IntRange(1, 1000), default=500, show_default=True, help="Of each call.")
def main(tasks: int, size: int) -> None:
    """Work through a large queue twice: once to its end, once to be cancelled."""
    console = Console(highlight=False)
    with deployment() as service:
        timed = Timed(service, console, size)

        def claim(limit: int) -> list[Any]:
            wanted = {"taskTypes": ["a"], "workerId": "w", "limit": limit, "leaseSeconds": 600}
            return list(service.post("/bulk/claim", wanted)["tasks"])

        timed.run("register", "register", [{"taskType": "a"}] * tasks)
        held = [
            {"taskId": task["id"], "workerId": "w", "attempt": task["attempt"]}
            for task in timed.claim_all("claim", tasks, claim)
        ]
        timed.run("heartbeat", "heartbeat", held)
        timed.run("progress", "progress", [{**one, "progress": {"percent": 50}} for one in held])
        timed.run("complete", "complete", [{**one, "result": {"ok": True}} for one in held])
        named = timed.run("register again", "register", [{"taskType": "b"}] * tasks)
        timed.run("cancel", "cancel", [{"taskId": one["taskId"]} for one in named])
        console.print(timed.table)


if __name__ == "__main__":
    sys.exit(main())
