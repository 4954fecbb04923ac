"""The process that sends heartbeats, started by ``ProcessBeats``."""

import os
import signal
import sys
import threading
import time
from typing import BinaryIO, Final

import msgspec

from tasktracker_client._config import Config, Retries
from tasktracker_client._refs import Hold
from tasktracker_client._working.beats_process import Change, Setup, Word
from tasktracker_client._working.held import Held
from tasktracker_client._working.keeper import Keeper, ThreadBeats

_LOOK_SECONDS: Final = 0.25
_STDOUT: Final = 1


class _Beating:
    """What is held, and what the parent was told of it."""

    def __init__(self, setup: Setup, parent: BinaryIO) -> None:
        self._parent = parent
        config = Config(
            base_url=setup.base_url, api_key=setup.api_key, timeout=setup.timeout, retries=Retries()
        )
        self._keeper = Keeper(config, None, ThreadBeats)
        self._held: dict[tuple[str, int | None], Held] = {}
        self._told: dict[Held, Word] = {}
        self._lock = threading.Lock()
        self._is_paused = False

    def change(self, change: Change) -> None:
        """Begin with a task, or stop."""
        key = change.task_id, change.attempt
        with self._lock:
            if change.is_held:
                hold = Hold(change.task_id, change.worker_id, change.attempt)
                self._held[key] = Held(hold, change.lease_seconds, lease_until=change.lease_until)
                self._keeper.beats.add(self._held[key])
            elif (held := self._held.pop(key, None)) is not None:
                self._keeper.beats.remove(held)
                self._told.pop(held, None)

    def look(self, parent: int) -> None:
        """Tell the parent what is new; pause while it is stopped."""
        with self._lock:
            self._pause(_is_stopped(parent))
            for held in self._held.values():
                word = Word(
                    held.hold.task_id, held.hold.attempt, held.lease_until, held.is_cancelled, held.loss
                )
                if self._told.get(held) != word:
                    self._told[held] = word
                    self._parent.write(msgspec.json.encode(word) + b"\n")
            self._parent.flush()

    def _pause(self, is_stopped: bool) -> None:
        if is_stopped == self._is_paused:
            return
        self._is_paused = is_stopped
        for held in self._held.values():
            (self._keeper.beats.remove if is_stopped else self._keeper.beats.add)(held)


def _is_stopped(pid: int) -> bool:
    """Whether a process was stopped by a signal; where the system does not show it, no."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as stat:
            return stat.read().rpartition(b")")[2].split()[0] in (b"T", b"t")
    except (OSError, IndexError):
        return False


def main() -> None:
    """Read what is held until the parent's end of the pipe closes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    lines = iter(sys.stdin.buffer.readline, b"")
    if not (setup := next(lines, b"")):
        return  # the parent has gone on without it
    parent = os.fdopen(os.dup(_STDOUT), "wb")
    os.dup2(os.open(os.devnull, os.O_WRONLY), _STDOUT)  # what else prints is not for the parent
    beating = _Beating(msgspec.json.decode(setup, type=Setup), parent)
    threading.Thread(target=_look, args=(beating, os.getppid()), daemon=True).start()
    decoder = msgspec.json.Decoder(Change)
    for line in lines:
        beating.change(decoder.decode(line))
    os._exit(0)  # the parent is gone or done: a heartbeat under way would only keep what is not worked on


def _look(beating: _Beating, parent: int) -> None:
    while True:
        time.sleep(_LOOK_SECONDS)
        if os.getppid() != parent:
            os._exit(0)  # gone, though another process keeps its end of the pipe open
        try:
            beating.look(parent)
        except BrokenPipeError:
            os._exit(0)


if __name__ == "__main__":
    main()
