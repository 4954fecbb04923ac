"""How long after a worker's death its task can be claimed again, with many tasks running.

``python -m bench.lease_detection``. A worker process holds a task on a lease of five seconds and is killed
(SIGKILL) right after a heartbeat; from there the time runs until another worker's claim gets the task.
All other tasks are kept alive by bulk heartbeats the whole time.
"""

import multiprocessing
import os
import signal
import statistics
import sys
import threading
import time
from collections.abc import Iterator
from multiprocessing.connection import Connection
from typing import Any

import click
import httpx
from rich.console import Console
from rich.progress import track

from bench.deployment import TASKS, Deployment, deployment

LEASE_SECONDS = 5
BULK = 1_000


def batches(items: list[Any]) -> Iterator[list[Any]]:
    """As many as fit into a bulk call, again and again."""
    for start in range(0, len(items), BULK):
        yield items[start : start + BULK]


def fill(service: Deployment, count: int) -> list[dict[str, Any]]:
    """Start so many tasks on leases; what their heartbeats name."""
    held: list[dict[str, Any]] = []
    for start in range(0, count, BULK):
        tasks = [{"taskType": "busy"}] * min(BULK, count - start)
        for registered in service.bulk("register", tasks):
            started = service.post(
                f"/{registered['taskId']}/start", {"workerId": "busy", "leaseSeconds": LEASE_SECONDS * 4}
            )
            held.append({"taskId": registered["taskId"], "workerId": "busy", "attempt": started["attempt"]})
        for batch in batches(held):
            service.bulk("heartbeat", batch)
    return held


def keep_alive(url: str, held: list[dict[str, Any]], over: threading.Event) -> None:
    """Send heartbeats for all of them, three times a lease."""
    with httpx.Client(base_url=url, timeout=60, trust_env=False) as client:
        while not over.wait(LEASE_SECONDS / 3):
            for batch in batches(held):
                client.post(f"{TASKS}/bulk/heartbeat", json={"items": batch}).raise_for_status()


def work(url: str, task_type: str, told: Connection) -> None:
    """Claim, send one heartbeat, tell, and hang."""
    with httpx.Client(base_url=url, timeout=60, trust_env=False) as client:
        wanted = {"taskTypes": [task_type], "workerId": "doomed", "leaseSeconds": LEASE_SECONDS}
        task = client.post(f"{TASKS}/claim", json=wanted).json()
        client.post(f"{TASKS}/{task['id']}/heartbeat", json={"workerId": "doomed", "attempt": 1})
        told.send(os.getpid())
        time.sleep(600)


def one_death(service: Deployment, task_type: str) -> float:
    """Seconds from SIGKILL to the claim that got the task."""
    service.post("", {"taskType": task_type})
    receiving, sending = multiprocessing.Pipe(duplex=False)
    worker = multiprocessing.get_context("spawn").Process(target=work, args=(service.url, task_type, sending))
    worker.start()
    os.kill(receiving.recv(), signal.SIGKILL)
    died = time.monotonic()
    worker.join()
    wanted = {"taskTypes": [task_type], "workerId": "heir", "leaseSeconds": 60}
    while service.post("/claim", wanted) is None:
        time.sleep(0.01)
    return time.monotonic() - died


@click.command()
@click.option("--running", type=click.IntRange(0), default=10_000, show_default=True, help="Other tasks.")
@click.option("--deaths", type=click.IntRange(1), default=10, show_default=True)
def main(running: int, deaths: int) -> None:
    """Measure how soon a dead worker's task goes to the next."""
    console = Console(highlight=False)
    with deployment() as service:
        with console.status(f"starting {running:,} tasks"):
            held = fill(service, running)
        over = threading.Event()
        alive = threading.Thread(target=keep_alive, args=(service.url, held, over))
        alive.start()
        try:
            found = [one_death(service, f"type-{n}") for n in track(range(deaths), console=console)]
        finally:
            over.set()
            alive.join()
    late = [seconds - LEASE_SECONDS for seconds in found]
    console.print(
        f"lease {LEASE_SECONDS} s, {running:,} tasks running: claimable again "
        f"{statistics.median(late):.2f} s after the lease at the median, {max(late):.2f} s at most"
    )


if __name__ == "__main__":
    sys.exit(main())
