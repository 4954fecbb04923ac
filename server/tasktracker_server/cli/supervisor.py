"""Several server processes on one port: started, watched, started again, ended.

The parent holds the port without listening on it, so that ``--port 0`` is the same port for all and
stays theirs between restarts. A child's stdin is a pipe whose end tells it that the parent died;
its stdout tells when it listens.
"""

import asyncio
import logging
import os
import signal
import socket
import sys
import time
from collections.abc import Callable
from typing import Final

import click
import msgspec

from tasktracker_server.environment import PREFIX
from tasktracker_server.settings import Settings

_logger = logging.getLogger(__name__)

READY: Final = "listening on "
KILL_MARGIN_SECONDS: Final = 3.0
"""A child gets this much longer than its own drain before it is killed."""
BACKOFF_SECONDS: Final = 0.5
BACKOFF_MAX_SECONDS: Final = 30.0
STEADY_SECONDS: Final = 60.0
"""A child that lived this long starts its backoff anew."""


class ChildFailed(Exception):
    """A child ended before it ever listened; starting it again would not help."""


def reserve_port(host: str, port: int) -> list[socket.socket]:
    """Sockets bound to the port (a free one for 0) on each address of the host, none of them listening."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except OSError as error:
        raise click.ClickException(f"Can't listen on {host}:{port}: {error.strerror}.") from error
    bound: list[socket.socket] = []
    for family, _, _, _, address in dict.fromkeys(found):
        where = (address[0], port, *address[2:])
        if port:
            # SO_REUSEPORT alone would let us share the port of somebody else's service.
            _bind(family, where, reuse_port=False).close()
        bound.append(_bind(family, where, reuse_port=True))
        port = bound[0].getsockname()[1]
    return bound


def _bind(family: int, address: tuple[object, ...], *, reuse_port: bool) -> socket.socket:
    opened = socket.socket(family, socket.SOCK_STREAM)
    try:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if reuse_port:
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if family == socket.AF_INET6:
            opened.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        opened.bind(address)
    except OSError as error:
        opened.close()
        raise click.ClickException(f"Can't listen on {address[0]}:{address[1]}: {error.strerror}.") from error
    return opened


class Supervisor:
    """Keeps ``settings.processes`` children alive until told to stop."""

    def __init__(self, settings: Settings, on_ready: Callable[[str], None]) -> None:
        self._settings = settings
        self._on_ready = on_ready
        self._ready: set[int] = set()
        self._told = False

    async def run(self, stop: asyncio.Event) -> None:
        """Returns when all children have ended after ``stop``.

        Raises:
            ChildFailed: one of them can't start at all.
        """
        sockets = reserve_port(self._settings.host, self._settings.port)
        self._settings = msgspec.structs.replace(self._settings, port=sockets[0].getsockname()[1])
        try:
            async with asyncio.TaskGroup() as group:
                for number in range(self._settings.processes):
                    group.create_task(self._keep(number, stop))
        except* ChildFailed as failed:
            raise failed.exceptions[0] from None
        finally:
            for bound in sockets:
                bound.close()

    async def _keep(self, number: int, stop: asyncio.Event) -> None:
        pause = BACKOFF_SECONDS
        while not stop.is_set():
            began = time.monotonic()
            code = await self._live(number, stop)
            if stop.is_set():
                return
            if number not in self._ready:
                raise ChildFailed(f"server process {number} ended with {code} before it listened")
            pause = BACKOFF_SECONDS if time.monotonic() - began > STEADY_SECONDS else pause
            _logger.error(
                "server process %d ended with %s; starting it again in %.1f s",
                number,
                code,
                pause,
                extra={"action": "process_restarted"},
            )
            await _either(stop.wait(), asyncio.sleep(pause))
            pause = min(pause * 2, BACKOFF_MAX_SECONDS)

    async def _live(self, number: int, stop: asyncio.Event) -> int | None:
        """One life of a child; its exit code."""
        child = await self._spawn()
        told = asyncio.create_task(self._listen(number, child))
        try:
            await _either(child.wait(), stop.wait())
            return child.returncode
        finally:
            await asyncio.shield(self._end(child))
            told.cancel()

    async def _spawn(self) -> asyncio.subprocess.Process:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
        return await asyncio.create_subprocess_exec(
            sys.executable,
            "-P",  # nothing of the directory we happen to be in may stand for a module
            "-m",
            "tasktracker_server",
            "serve-child",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            env=kept | self._settings.to_environ(),
            start_new_session=True,
        )

    async def _listen(self, number: int, child: asyncio.subprocess.Process) -> None:
        async for line in child.stdout or asyncio.StreamReader():
            text = line.decode(errors="replace").strip()
            if not text.startswith(READY):
                continue
            self._ready.add(number)
            if len(self._ready) == self._settings.processes and not self._told:
                self._told = True
                self._on_ready(text.removeprefix(READY))

    async def _end(self, child: asyncio.subprocess.Process) -> None:
        """Ask it to end, wait as long as its drain may take, then end it."""
        if child.returncode is not None:
            return
        _signal(child, signal.SIGTERM)
        try:
            await asyncio.wait_for(child.wait(), self._settings.shutdown_seconds + KILL_MARGIN_SECONDS)
        except TimeoutError:
            action = {"action": "process_killed"}
            _logger.error("server process with pid %d does not end; killing it", child.pid, extra=action)
            _signal(child, signal.SIGKILL)
            await child.wait()


def _signal(child: asyncio.subprocess.Process, sign: signal.Signals) -> None:
    try:
        child.send_signal(sign)
    except ProcessLookupError:
        return


async def _either(*waits: object) -> None:
    """Wait for whichever comes first and give up the others."""
    tasks = [asyncio.ensure_future(wait) for wait in waits]  # type: ignore[call-overload]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
