"""From a registration to the answer of a claim that waits for it: milliseconds, on an idle service.

``python -m bench.claim_latency``; README.md says how to read it.
"""

import json
import socket
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import click
from rich.console import Console
from rich.table import Table

from bench.load import HEADER_END, body_length
from tasktracker_server.demo.processes import LISTENING, service
from tasktracker_server.embedded import ephemeral

PARKING_SECONDS: Final = 0.02
"""From sending a claim until it waits, with room to spare."""
WARM_UP: Final = 20


class Caller:
    """One connection that stays open."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), 30)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def send(self, path: str, body: dict[str, Any]) -> None:
        text = json.dumps(body)
        head = f"POST /api/v1/tasks{path} HTTP/1.1\r\nHost: bench\r\nContent-Length: {len(text)}\r\n\r\n"
        self._socket.sendall((head + text).encode())

    def answer(self) -> Any:
        received = b""
        while (end := received.find(HEADER_END)) < 0 or len(received) < end + 4 + body_length(received, end):
            piece = self._socket.recv(65536)
            if not piece:
                raise ConnectionError("the service closed the connection")
            received += piece
        return json.loads(received[end + 4 :])


def latencies(register_at: int, claim_at: int, count: int) -> list[float]:
    """Milliseconds from the start of a registration to the end of the claim's answer."""
    registering, claiming = Caller(register_at), Caller(claim_at)
    measured = []
    for n in range(count + WARM_UP):
        claiming.send("/claim", {"taskTypes": ["bench"], "workerId": "w", "waitSeconds": 30})
        time.sleep(PARKING_SECONDS)
        began = time.perf_counter()
        registering.send("", {"taskType": "bench", "taskId": f"{register_at}-{claim_at}-{n}"})
        claimed = claiming.answer()
        measured.append(1000 * (time.perf_counter() - began))
        registered = registering.answer()
        if not claimed or claimed["id"] != registered["taskId"]:
            raise click.ClickException(f"registered {registered}, claimed {claimed}")
    return sorted(measured[WARM_UP:])


def one_after_the_other(port: int, count: int) -> list[float]:
    """The yardstick: a registration, and then a claim that need not wait."""
    caller = Caller(port)
    measured = []
    for n in range(count + WARM_UP):
        time.sleep(PARKING_SECONDS)
        began = time.perf_counter()
        caller.send("", {"taskType": "bench", "taskId": f"{port}-{n}"})
        caller.answer()
        caller.send("/claim", {"taskTypes": ["bench"], "workerId": "w"})
        caller.answer()
        measured.append(1000 * (time.perf_counter() - began))
    return sorted(measured[WARM_UP:])


def percentile(ordered: Sequence[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


@click.command()
@click.option("--count", type=click.IntRange(10), default=500, show_default=True, help="Tasks for each line.")
@click.option("--database-url", help="Instead of an embedded PostgreSQL.")
@click.option("--redis-url", help="Instead of an embedded Redis.")
def main(count: int, database_url: str | None, redis_url: str | None) -> None:
    """Measure within one instance, and across two."""
    console = Console(highlight=False)
    with ExitStack() as started:
        stores = started.enter_context(
            ephemeral(postgres=database_url is None, redis=redis_url is None, durable=True)
        )
        urls = ["--database-url", str(database_url or stores.database_url)]
        urls += ["--redis-url", str(redis_url or stores.redis_url)]
        folder = Path(started.enter_context(tempfile.TemporaryDirectory()))
        ports = []
        for name in ("a", "b"):
            child = started.enter_context(service(["--port", "0", *urls], folder / f"{name}.log"))
            ports.append(urlsplit(child.wait_for(LISTENING)).port or 0)
        table = Table("registration to claimed, ms", "p50", "p90", "p99", "most")
        for title, ordered in (
            ("register, then claim", one_after_the_other(ports[0], count)),
            ("claim waits at the same instance", latencies(ports[0], ports[0], count)),
            ("claim waits at another instance", latencies(ports[0], ports[1], count)),
        ):
            figures = [percentile(ordered, share) for share in (0.5, 0.9, 0.99, 1)]
            table.add_row(title, *(f"{figure:.1f}" for figure in figures))
        console.print(table)


if __name__ == "__main__":
    sys.exit(main())
