"""The threads that keep a worker's tasks while its own code is busy.

One sends heartbeats, one sends progress, so that neither waits for the other. Threads, in the asynchronous
world too: a job that never awaits would starve a task of its loop.
"""

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from queue import Empty, SimpleQueue
from typing import Final, Protocol

import httpx

from tasktracker_client._calling.calls import Flow, T
from tasktracker_client._calling.driving import adrive, drive, new_http
from tasktracker_client._config import Config
from tasktracker_client._logging import logger
from tasktracker_client._working.held import Held
from tasktracker_client._working.keeping import ask, beat, send

_SOON: Final = 0.1
"""Heartbeats that are due within this go along in one call."""
_IDLE_SECONDS: Final = 60.0
_SENDING_SECONDS: Final = 10.0
"""How long one job's call without an answer may keep the entries of others waiting."""


class Beats(Protocol):
    """Sends heartbeats for what is held: in a thread, or in a process of its own."""

    def add(self, held: Held) -> None:
        """Begin."""

    def remove(self, held: Held) -> None:
        """Stop."""

    def close(self) -> None:
        """Stop for all, and end."""


class Keeper:
    """Keeps the leases of what is held, and sends what it reports."""

    def __init__(self, config: Config, http: httpx.Client | None, beats: "Callable[[Keeper], Beats]") -> None:
        self.config = config
        self._http = http or new_http()
        self._is_own = http is None
        self._held: set[Held] = set()
        self.beats: Beats = beats(self)
        """What sends the heartbeats."""
        self._sender = _Loop("tasktracker-progress", self._send)

    def hold(self, held: Held) -> None:
        """Keep this from now on. Raises ``RuntimeError`` in a process that was forked off."""
        self.check_process()
        self._held.add(held)
        self.beats.add(held)
        self._sender.start()

    @property
    def held(self) -> list[Held]:
        """What is held now."""
        return list(self._held)

    @property
    def is_forked(self) -> bool:
        """Whether this process was forked off the one it was opened in: threads and sockets stayed there."""
        return self.config.is_forked

    def check_process(self) -> None:
        """Raise ``RuntimeError`` in a process that was forked off."""
        if self.is_forked:
            raise RuntimeError("this worker was opened before a fork; open it in the process that works")

    def drop(self, held: Held) -> None:
        """Keep this no more; what a process was forked off with is its parent's to keep."""
        if self.is_forked:
            return
        self._held.discard(held)
        self.beats.remove(held)

    def wake(self) -> None:
        """There is something to send."""
        self._sender.wake()

    def ask(self, held: Held) -> None:
        """Hear now whether this is still held."""
        self.drive(ask(held), patience=asking_seconds(held))

    def drive(self, flow: Flow[T], patience: float | None = None) -> T:
        """Take a flow's steps; ``patience`` bounds each call, in seconds."""
        return drive(flow, self.hurried(patience), self._http)

    def hurried(self, patience: float | None) -> Config:
        """What the client was told, with less patience for each call."""
        if patience is None:
            return self.config
        return replace(self.config, timeout=min(patience, self.config.timeout))

    def close(self) -> None:
        """End the threads and close the connections."""
        self._sender.stop()
        self.beats.close()
        if self._is_own:
            self._http.close()

    def _send(self) -> float:
        """Send a batch of each whose is due; seconds until something is due again."""
        for held in self.held:
            due = held.sender_at()
            if due is not None and due <= time.monotonic():
                self.drive(send(held), patience=_SENDING_SECONDS)
        moments = [due for held in self.held if (due := held.sender_at()) is not None]
        return min(moments, default=time.monotonic() + _IDLE_SECONDS) - time.monotonic()


class AsyncKeeper(Keeper):
    """The same for asynchronous code, whose ends go through its own loop."""

    def __init__(
        self,
        config: Config,
        http: httpx.Client | None,
        ahttp: httpx.AsyncClient,
        beats: "Callable[[Keeper], Beats]",
    ) -> None:
        super().__init__(config, http, beats)
        self._ahttp = ahttp

    async def aask(self, held: Held) -> None:
        """Hear now whether this is still held."""
        await self.adrive(ask(held), patience=asking_seconds(held))

    async def adrive(self, flow: Flow[T], patience: float | None = None) -> T:
        """Take a flow's steps; ``patience`` bounds each call, in seconds."""
        return await adrive(flow, self.hurried(patience), self._ahttp)


def asking_seconds(held: Held) -> float:
    """How long a job's code waits to hear whether it is still wanted."""
    return min(5.0, held.lease_seconds / 3)


class ThreadBeats:
    """Heartbeats from a thread: at a third of the lease, several tasks in one call."""

    def __init__(self, keeper: Keeper) -> None:
        self._keeper = keeper
        self._held: set[Held] = set()
        self._loop = _Loop("tasktracker-heartbeats", self._beat)

    def add(self, held: Held) -> None:
        """Begin."""
        self._held.add(held)
        self._loop.start()
        self._loop.wake()

    def remove(self, held: Held) -> None:
        """Stop."""
        self._held.discard(held)

    def close(self) -> None:
        """Stop for all, and end."""
        self._loop.stop()

    def _beat(self) -> float:
        now = time.monotonic()
        wanted = [each for each in list(self._held) if not each.is_lost]
        due = [each for each in wanted if each.beat_at <= now + _SOON]
        if due:
            shortest = min(each.lease_seconds for each in due)
            self._keeper.drive(beat(due), patience=max(1.0, shortest / 3))
        return min((each.beat_at for each in wanted), default=now + _IDLE_SECONDS) - time.monotonic()


class _Loop:
    """A thread that does its work again and again: when it is woken, or when the work asked to."""

    def __init__(self, name: str, work: Callable[[], float]) -> None:
        self._name = name
        self._work = work
        # Written in C: neither an interrupt nor a signal handler finds it locked, as it may an event.
        self._woken: SimpleQueue[None] = SimpleQueue()
        self._is_stopped = False
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin, if it has not."""
        if self._thread is None and not self._is_stopped:
            self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
            self._thread.start()

    def wake(self) -> None:
        """Look now."""
        self._woken.put(None)

    def stop(self) -> None:
        """End after what is under way."""
        self._is_stopped = True
        self._woken.put(None)
        thread = self._thread
        if thread is not None and thread.is_alive() and thread is not threading.current_thread():
            thread.join()

    def _run(self) -> None:
        while not self._is_stopped:
            while not self._woken.empty():
                self._woken.get()
            try:
                pause = self._work()
            except Exception:  # a bug of ours must not end the heartbeats of a job unseen
                logger.exception("%s: something unforeseen; going on in a second", self._name)
                pause = 1.0
            if pause > 0 and not self._is_stopped:
                with suppress(Empty):
                    self._woken.get(timeout=pause)
