"""Many streams while connections are cut and instances killed: every entry once and in order."""

from __future__ import annotations

import asyncio
import random
import resource
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final

import pytest

from services import Databases, Service, own_keys
from tasktracker_client import AsyncTaskTracker, Gap, NewTask, Progress, Retries, StatusChange

from .proxy import CutAfter, Fate, Proxy

BATCH: Final = 40
AT_ONCE: Final = 32
CUT_SECONDS: Final = 1.0
CUT_SHARE: Final = 0.03
INSIST: Final = Retries(attempts=1_000, first_seconds=0.05, longest_seconds=1.0)


@dataclass
class Findings:
    """What readers were told, held against what writers were answered."""

    entries: int = 0
    lost: int = 0
    repeated: int = 0
    reordered: int = 0
    altered: int = 0
    ends: int = 0
    kills: int = 0
    restarts: int = 0
    cuts: int = 0
    connections: int = 0
    seconds: float = 0.0
    wrong: list[str] = field(default_factory=list)

    def take(self, task_id: str, told: list[int], wanted: int) -> None:
        """The numbers one reader was told, in its order."""
        counts = Counter(told)
        self.entries += len(told)
        self.lost += wanted - len(set(range(1, wanted + 1)) & set(told))
        self.repeated += sum(count - 1 for count in counts.values())
        self.reordered += sum(after < before for before, after in pairwise(told))
        if told != list(range(1, wanted + 1)):
            self.wrong.append(task_id)


class Fire:
    """Two instances of one deployment behind proxies, and everything that goes wrong with them."""

    def __init__(self, services: list[Service], proxies: list[Proxy], seed: int) -> None:
        self.services = services
        self.proxies = proxies
        self.found = Findings()
        self._chance = random.Random(seed)
        for proxy in proxies:
            proxy.rule = self._fate

    def _fate(self, method: str, path: str) -> Fate:
        """Every fifth stream is cut at some byte of what it brings."""
        if "/track" in path and self._chance.random() < 0.2:
            self.found.cuts += 1
            return CutAfter(self._chance.randrange(1, 30_000))
        return None

    async def cut(self) -> None:
        """Reset some connections, whoever's they are, again and again."""
        while True:
            await asyncio.sleep(CUT_SECONDS)
            for proxy in self.proxies:
                before = proxy.open
                await asyncio.to_thread(proxy.cut_some, self._chance, CUT_SHARE)
                self.found.cuts += max(0, before - proxy.open)

    async def strike(self, pause: float) -> None:
        """Kill one instance or restart it, in turn, and bring it back."""
        while True:
            for at, (service, proxy) in enumerate(zip(self.services, self.proxies, strict=True)):
                await asyncio.sleep(self._chance.uniform(0.5, 1.5) * pause)
                is_kill = at == 0 or self._chance.random() < 0.5
                await asyncio.shield(asyncio.to_thread(_strike, service, proxy, is_kill))
                self.found.kills += is_kill
                self.found.restarts += not is_kill


def _strike(service: Service, proxy: Proxy, is_kill: bool) -> None:
    if is_kill:
        service.kill()
    else:
        service.stop()
    service.start()
    proxy.target = service.url


async def write(client: AsyncTaskTracker, task_id: str, count: int, turns: asyncio.Semaphore) -> None:
    """Report numbered entries until there are so many, and complete."""
    async with turns:
        held = await client.start(task_id, worker_id="writer")
    for first in range(1, count + 1, BATCH):
        numbers = range(first, min(first + BATCH, count + 1))
        async with turns:
            await client.progress(held, [{"seqId": n, "n": n} for n in numbers], worker_id="writer")
    async with turns:
        await client.complete(held, count, worker_id="writer")


async def read(client: AsyncTaskTracker, task_id: str, count: int, found: Findings) -> None:
    """Follow to the end."""
    told: list[int] = []
    async for event in client.track(task_id):
        match event:
            case Progress(seq_id=number, data=data):
                told.append(number)
                found.altered += data != {"n": number}
            case Gap():
                found.wrong.append(f"gap in {task_id}")
            case StatusChange(status=status, result=result):
                found.ends += (status, result) == ("completed", count)
    found.take(task_id, told, count)


async def run(fire: Fire, streams: int, entries: int, pause: float) -> Findings:
    began = time.monotonic()
    writers = [AsyncTaskTracker(proxy.url, retries=INSIST, timeout=20) for proxy in fire.proxies]
    readers = [AsyncTaskTracker(proxy.url, retries=Retries(attempts=20)) for proxy in fire.proxies]
    ids = [f"fire-{n}" for n in range(streams)]
    await writers[0].register_many(NewTask(task_type="fire", task_id=one) for one in ids)
    turns = asyncio.Semaphore(AT_ONCE)
    trouble = [asyncio.create_task(fire.cut()), asyncio.create_task(fire.strike(pause))]
    try:
        async with asyncio.TaskGroup() as group:
            for at, one in enumerate(ids):
                group.create_task(write(writers[at % 2], one, entries, turns))
                group.create_task(read(readers[at // 2 % 2], one, entries, fire.found))
    finally:
        for each in trouble:
            each.cancel()
        await asyncio.gather(*trouble, return_exceptions=True)
        for client in (*writers, *readers):
            await client.aclose()
    fire.found.connections = sum(proxy.opened for proxy in fire.proxies)
    fire.found.seconds = time.monotonic() - began
    return fire.found


@pytest.fixture
def files() -> Iterator[None]:
    """A stream has three sockets here: the client's, and two of the proxy."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard if hard > 0 else 8_192, hard))
    yield
    with suppress(ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.parametrize(
    ("streams", "entries", "pause"),
    [
        pytest.param(20, 200, 1.0, id="4,000 entries"),
        pytest.param(500, 400, 10.0, marks=pytest.mark.slow, id="200,000 entries"),
    ],
)
def test_every_entry_once_and_in_order(
    databases: Databases,
    redis_url: str,
    own_name: str,
    files: None,
    streams: int,
    entries: int,
    pause: float,
) -> None:
    with ExitStack() as started:
        database_url = started.enter_context(databases.one())
        prefix = started.enter_context(own_keys(redis_url, f"{own_name}:fire"))
        services = [
            started.enter_context(Service(database_url, redis_url, redis_prefix=prefix)) for _ in range(2)
        ]
        proxies = [started.enter_context(Proxy(service.url)) for service in services]
        found = asyncio.run(run(Fire(services, proxies, seed=4), streams, entries, pause))

    print(found)  # noqa: T201
    assert found.wrong == []
    assert (found.lost, found.repeated, found.reordered, found.altered) == (0, 0, 0, 0)
    assert (found.entries, found.ends) == (streams * entries, streams)
    assert found.connections > 2 * streams
    assert found.kills > 0
