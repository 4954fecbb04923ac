"""Heartbeats from a process of their own, for jobs that keep the interpreter's lock.

The process is told on its standard input what is held, a JSON line for each change, and tells on its standard
output what it hears. It ends with its parent, whose end closes the pipe. A parent that is stopped (SIGSTOP)
is not at work: where the system shows that, heartbeats pause with it.
"""

import subprocess
import sys
import threading
from typing import IO, Any, Final

import msgspec

from tasktracker_client._held import Held
from tasktracker_client._keeper import Keeper
from tasktracker_client._logging import logger

_END_SECONDS: Final = 10.0


class Change(msgspec.Struct, omit_defaults=True):
    """To the process: begin with this one, or stop."""

    task_id: str
    worker_id: str | None
    attempt: int | None
    lease_seconds: int
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
    """By the monotonic clock of the machine, which both processes read."""
    is_cancelled: bool = False
    lost: str | None = None


class ProcessBeats:
    """Sends heartbeats from a process of their own; begins it with the first task."""

    def __init__(self, keeper: Keeper) -> None:
        self._keeper = keeper
        self._held: dict[tuple[str, int | None], Held] = {}
        self._process: subprocess.Popen[bytes] | None = None
        self._writing = threading.Lock()

    def add(self, held: Held) -> None:
        """Begin."""
        self._held[held.hold.task_id, held.hold.attempt] = held
        if self._process is None or self._process.poll() is not None:
            self._start()
        self._tell(held, is_held=True)

    def remove(self, held: Held) -> None:
        """Stop."""
        if self._held.pop((held.hold.task_id, held.hold.attempt), None) is not None:
            self._tell(held, is_held=False)

    def close(self) -> None:
        """Stop for all, and end."""
        process, self._process = self._process, None
        if process is None or process.stdin is None:
            return
        process.stdin.close()
        try:
            process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _start(self) -> None:
        config = self._keeper.config
        process = subprocess.Popen(
            [sys.executable, "-m", "tasktracker_client._beating"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,  # a Ctrl-C is for the job; its heartbeats go on until it has ended
        )
        self._process = process
        self._write(Setup(config.base_url, config.api_key, config.timeout))
        for held in list(self._held.values()):
            self._tell(held, is_held=True)
        reader = threading.Thread(target=self._listen, args=(process.stdout,), daemon=True)
        reader.name = "tasktracker-heartbeats"
        reader.start()

    def _tell(self, held: Held, *, is_held: bool) -> None:
        hold = held.hold
        self._write(Change(hold.task_id, hold.worker_id, hold.attempt, held.lease_seconds, is_held))

    def _write(self, message: Any) -> None:
        process = self._process
        if process is None or process.stdin is None:
            return
        try:
            with self._writing:
                process.stdin.write(msgspec.json.encode(message) + b"\n")
                process.stdin.flush()
        except (BrokenPipeError, ValueError):
            logger.warning("the process that sends heartbeats has ended; the next job starts another")

    def _listen(self, output: IO[bytes]) -> None:
        decoder = msgspec.json.Decoder(Word)
        with output:
            for line in output:
                word = decoder.decode(line)
                held = self._held.get((word.task_id, word.attempt))
                if held is not None:
                    _hear(held, word)


def _hear(held: Held, word: Word) -> None:
    if word.lost is not None:
        held.lost(word.lost)
    if word.is_cancelled:
        held.cancelled()
    held.renewed(word.lease_until - held.lease_seconds)
