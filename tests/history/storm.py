"""Runs many processes of callers against two instances, and stops, revives and kills those processes."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Final, NamedTuple, Self

import msgspec

from services import wait_for

from .draining import drain
from .finals import Finals
from .operations import History, read
from .reading import read_finals
from .tasks import LEASE_SECONDS

STOPPED_SECONDS: Final = LEASE_SECONDS + 1.5
"""A process sleeps through its leases, and goes on as if nothing had been."""
FIRST_KILL_SECONDS: Final = 2.0
KILL_EVERY_SECONDS: Final = 9.0
TELL_EVERY_SECONDS: Final = 10.0
END_SECONDS: Final = 60.0
TESTS: Final = Path(__file__).parent.parent


class Deployment(NamedTuple):
    """What is tested."""

    urls: Sequence[str]
    database_url: str
    redis_url: str
    redis_prefix: str


class Plan(NamedTuple):
    """How much of it."""

    seed: int
    operations: int
    processes: int
    at_most_seconds: float


class Party(NamedTuple):
    """A process of callers, and what it writes."""

    process: subprocess.Popen[bytes]
    file: Path

    @property
    def is_ready(self) -> bool:
        """It has begun, and ends properly when it is told to."""
        return self.file.exists()


class Storm:
    """The processes of a run; leaving the ``with`` block ends all of them."""

    def __init__(self, deployment: Deployment, plan: Plan, folder: Path) -> None:
        self._deployment = deployment
        self._plan = plan
        self._folder = folder
        self._chance = random.Random(plan.seed)
        self._parties: list[Party] = []
        self._stopped: tuple[Party, float] | None = None
        self._count = 0
        self.kills = 0
        self.stops = 0
        self._urls: list[str] = []
        self._proxy: subprocess.Popen[bytes] | None = None
        self._read: dict[Path, int] = {}
        self._operations = 0

    def __enter__(self) -> Self:
        self._proxy = _start("history.proxy", str(self._plan.seed), *self._deployment.urls)
        assert self._proxy.stdout is not None
        ports = self._proxy.stdout.readline().split()
        self._urls = [f"http://127.0.0.1:{int(port)}" for port in ports]
        for _ in range(self._plan.processes):
            self._add_party()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        proxies = [self._proxy] if self._proxy else []
        for process in (*(party.process for party in self._parties), *proxies):
            _end(process)

    def blow(self, tell: Callable[[str], None]) -> None:
        """Go on until there are enough operations and each kind of trouble has been."""
        began = told = killed = time.monotonic()
        while not self._is_enough(time.monotonic() - began):
            time.sleep(0.2)
            now = time.monotonic()
            self._stop_or_revive(now)
            if now - killed > (KILL_EVERY_SECONDS if self.kills else FIRST_KILL_SECONDS):
                self._kill_one()
                killed = now
            if now - told > TELL_EVERY_SECONDS:
                told = now
                tell(f"{self.operations():,} operations in {now - began:.0f} s, {self.kills} killed")
            self._assert_alive()

    def calm(self) -> None:
        """Let the callers end by themselves."""
        self._revive()
        assert wait_for(lambda: all(party.is_ready for party in self._parties), END_SECONDS)
        for party in self._parties:
            party.process.send_signal(signal.SIGTERM)
        for party in self._parties:
            assert party.process.wait(END_SECONDS) == 0

    def operations(self) -> int:
        """How many calls were written down so far."""
        for file in self._folder.glob("*.jsonl"):
            with file.open("rb") as stream:
                stream.seek(self._read.get(file, 0))
                new = stream.read()
            self._operations += new.count(b'{"kind":"sent"')
            self._read[file] = self._read.get(file, 0) + len(new)
        return self._operations

    def _is_enough(self, seconds: float) -> bool:
        troubled = self.kills > 0 and self.stops > 0 and self._stopped is None
        done = troubled and self.operations() >= self._plan.operations
        return done or seconds > self._plan.at_most_seconds

    def _add_party(self) -> None:
        name = f"p{self._count}"
        self._count += 1
        file = self._folder / f"{name}.jsonl"
        process = _start("history.party", name, str(self._plan.seed), str(file), *self._urls)
        self._parties.append(Party(process, file))

    def _stop_or_revive(self, now: float) -> None:
        if self._stopped is None:
            ready = [party for party in self._parties if party.is_ready]
            if ready:
                party = self._chance.choice(ready)
                party.process.send_signal(signal.SIGSTOP)
                self._stopped = party, now
        elif now - self._stopped[1] > STOPPED_SECONDS:
            self._revive()

    def _revive(self) -> None:
        if self._stopped is not None:
            self._stopped[0].process.send_signal(signal.SIGCONT)
            self._stopped = None
            self.stops += 1

    def _kill_one(self) -> None:
        awake = [party for party in self._parties if self._stopped is None or party is not self._stopped[0]]
        party = self._chance.choice(awake)
        _end(party.process)
        self._parties.remove(party)
        self.kills += 1
        self._add_party()

    def _assert_alive(self) -> None:
        ended = [party.file for party in self._parties if party.process.poll() is not None]
        assert not ended, f"callers ended by themselves: {ended}"


def _start(module: str, *arguments: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", module, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE if module.endswith("proxy") else None,
        env={**os.environ, "PYTHONPATH": str(TESTS)},
    )


def _end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()
    for stream in (process.stdin, process.stdout):
        if stream is not None:
            stream.close()


def run(
    deployment: Deployment, plan: Plan, folder: Path, tell: Callable[[str], None]
) -> tuple[History, Finals]:
    """The whole run: the storm, the working off, and what is left."""
    with Storm(deployment, plan, folder) as storm:
        storm.blow(tell)
        storm.calm()
        tell(f"{storm.stops} processes were stopped past their leases and revived, {storm.kills} were killed")
    asyncio.run(drain(deployment.urls, deployment.database_url, folder / "drain.jsonl"))
    finals = asyncio.run(read_finals(*deployment))
    (folder / "finals.json").write_bytes(msgspec.json.encode(finals))
    return read(folder.glob("*.jsonl")), finals
