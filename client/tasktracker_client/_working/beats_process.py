"""Heartbeats from a process of their own, for jobs that keep the interpreter's lock.

The process is told on its standard input what is held, a JSON line for each change, and tells on its standard
output what it hears. It ends with its parent, whose end closes the pipe. A parent that is stopped (SIGSTOP)
is not at work: where the system shows that, heartbeats pause with it.
"""

import os
import subprocess
import sys
import threading
import time
from contextlib import suppress
from typing import Any, Final

import msgspec

from tasktracker_client._logging import logger
from tasktracker_client._working.held import Held
from tasktracker_client._working.keeper import Keeper, ThreadBeats

_END_SECONDS: Final = 10.0
_PAUSE_SECONDS: Final = 0.1
_HEALTHY_SECONDS: Final = 60.0
"""A process that lived so long did not fail at its start."""
_HOPELESS: Final = 5
"""So many processes that ended without a word: it is this machine, not an accident."""


class Change(msgspec.Struct, omit_defaults=True):
    """To the process: begin with this one, or stop."""

    task_id: str
    worker_id: str | None
    attempt: int | None
    lease_seconds: int
    lease_until: float
    """By the monotonic clock of the machine, which both processes read."""
    is_held: bool = True


class Setup(msgspec.Struct):
    """The first line to the process: where the service is."""

    base_url: str
    api_key: str | None
    timeout: float


class Word(msgspec.Struct, omit_defaults=True):
    """From the process: what it heard of one task."""

    task_id: str
    attempt: int | None
    lease_until: float = 0.0
    is_cancelled: bool = False
    lost: str | None = None


_read_word: Final = msgspec.json.Decoder(Word).decode


class ProcessBeats:
    """Sends heartbeats from a process of their own; begins it with the first task, again should it end."""

    def __init__(self, keeper: Keeper) -> None:
        self._keeper = keeper
        self._held: dict[tuple[str, int | None], Held] = {}
        self._process: subprocess.Popen[bytes] | None = None
        self._reader: threading.Thread | None = None
        self._failures = 0
        self._instead: ThreadBeats | None = None
        self._closed = threading.Event()
        self._lock = threading.RLock()

    def add(self, held: Held) -> None:
        """Begin."""
        with self._lock:
            self._held[held.hold.task_id, held.hold.attempt] = held
            if self._instead is not None:
                self._instead.add(held)
            elif self._process is None:
                self._start()  # and tell it all
            else:
                self._tell(held, is_held=True)

    def remove(self, held: Held) -> None:
        """Stop."""
        with self._lock:
            if self._held.pop((held.hold.task_id, held.hold.attempt), None) is not None:
                self._tell(held, is_held=False)
            if self._instead is not None:
                self._instead.remove(held)

    def close(self) -> None:
        """Stop for all, and end."""
        with self._lock:
            self._closed.set()
            process, self._process = self._process, None
        if self._instead is not None:
            self._instead.close()
        if process is not None:
            _end(process)
        if self._reader is not None:
            self._reader.join(_END_SECONDS)

    def _start(self) -> None:
        try:
            process = _beating()
        except OSError as error:
            self._fall_back(error)
            return
        self._process = process
        config = self._keeper.config
        self._write(Setup(config.base_url, config.api_key, config.timeout))
        for held in list(self._held.values()):
            self._tell(held, is_held=True)
        name = "tasktracker-heartbeats"
        reader = threading.Thread(target=self._listen, args=(process,), name=name, daemon=True)
        try:
            reader.start()
        except RuntimeError as error:  # no more threads here: perhaps there is one when the next job begins
            self._process = None
            _end(process)
            logger.error("nothing sends heartbeats: %s", error)
            return
        self._reader = reader

    def _tell(self, held: Held, *, is_held: bool) -> None:
        hold = held.hold
        self._write(
            Change(hold.task_id, hold.worker_id, hold.attempt, held.lease_seconds, held.lease_until, is_held)
        )

    def _write(self, message: Any) -> None:
        process = self._process
        if process is None or process.stdin is None:
            return
        with suppress(OSError, ValueError):  # it has ended: who listens to it sees that, and begins another
            process.stdin.write(msgspec.json.encode(message) + b"\n")
            process.stdin.flush()

    def _listen(self, process: "subprocess.Popen[bytes]") -> None:
        began = time.monotonic()
        assert process.stdout is not None  # noqa: S101 - it was asked for
        try:
            with process.stdout:
                for line in process.stdout:
                    self._heard(line)
        finally:
            if time.monotonic() - began > _HEALTHY_SECONDS:
                self._failures = 0
            with self._lock:
                if self._process is process:
                    self._process = None
            _end(process)
            self._start_again()

    def _heard(self, line: bytes) -> None:
        # What somebody's code prints as Python starts is none of ours.
        with suppress(msgspec.MsgspecError, ValueError):
            word = _read_word(line)
            self._failures = 0
            held = self._held.get((word.task_id, word.attempt))
            if held is not None:
                _hear(held, word)

    def _start_again(self) -> None:
        self._failures += 1
        self._closed.wait(_PAUSE_SECONDS * 2.0 ** (self._failures - 1))
        with self._lock:
            if self._closed.is_set() or self._process is not None:
                return
            if self._failures >= _HOPELESS:
                self._fall_back(f"{self._failures} of them ended without a word")
            elif self._held:
                logger.warning("the process that sends heartbeats has ended; another one takes over")
                self._start()

    def _fall_back(self, reason: object) -> None:
        logger.error("no process can send heartbeats here; a thread does from now on: %s", reason)
        self._instead = ThreadBeats(self._keeper)
        for held in self._held.values():
            self._instead.add(held)


def _beating() -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        # It imports as this process does, and not from the directory that happens to be the current one.
        [sys.executable, "-P", "-m", "tasktracker_client._working.beating"],
        env={**os.environ, "PYTHONPATH": _search_path()},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,  # a Ctrl-C is for the job; its heartbeats go on until it has ended
    )


def _search_path() -> str:
    return os.pathsep.join(each for each in map(str, sys.path) if each and os.pathsep not in each)


def _end(process: "subprocess.Popen[bytes]") -> None:
    """Close the pipe to it, which ends it, and wait for that."""
    if process.stdin is not None:
        with suppress(OSError, ValueError):
            process.stdin.close()
    try:
        process.wait(_END_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _hear(held: Held, word: Word) -> None:
    if word.lost is not None and not held.is_ended:
        held.lost(word.lost)
    if word.is_cancelled:
        held.cancelled()
    held.renewed(word.lease_until - held.lease_seconds)
