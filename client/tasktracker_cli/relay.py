"""Carries a command's output: on to the terminal at once, and into progress entries."""

import os
import select
import threading
import time
from typing import IO, Final

from tasktracker_cli.output_lines import Entries, Splitter, StreamName

_CHUNK: Final = 64 * 1024
_FULL_BYTES: Final = 1024 * 1024
"""So much waits to be sent at most; then the command waits in its writes."""


class Relay:
    """Two threads that read what the command writes, until it is closed at the other end."""

    def __init__(self, *, forward: bool, json_progress: bool) -> None:
        self.news: threading.Event = threading.Event()
        """Set when there may be something to take, and when a stream has ended."""
        self._forward = forward
        self._entries = Entries(json_progress=json_progress)
        self._changed = threading.Condition()
        self._open = 0
        self._is_over = False

    def start(self, stream: StreamName, pipe: IO[bytes], to: int) -> None:
        """Begin with a stream, whose bytes are forwarded to the file descriptor ``to``."""
        self._open += 1
        reader = threading.Thread(target=self._read, args=(stream, pipe, to), daemon=True)
        reader.start()

    @property
    def is_open(self) -> bool:
        """Whether more may come."""
        with self._changed:
            return self._open > 0

    def take(self, *, all_of_it: bool = False) -> bytes | None:
        """The next entry that is due."""
        with self._changed:
            entry = self._entries.take(time.monotonic(), all_of_it=all_of_it)
            self._changed.notify_all()
            return entry

    def seconds_to_next(self) -> float:
        """Until an entry is due."""
        with self._changed:
            return max(0.0, self._entries.due_at - time.monotonic())

    def gather_no_more(self) -> None:
        """From here on output is only forwarded."""
        with self._changed:
            self._is_over = True
            self._entries = Entries()
            self._changed.notify_all()

    def _read(self, stream: StreamName, pipe: IO[bytes], to: int) -> None:
        splitter = Splitter()
        try:
            while chunk := os.read(pipe.fileno(), _CHUNK):
                self._pass_on(to, chunk)
                self._add(stream, splitter, chunk)
        except BrokenPipeError:
            pass  # our reader is gone: the command gets to know as if it wrote to it by itself
        finally:
            pipe.close()
            self._add(stream, splitter, None)
            with self._changed:
                self._open -= 1
            self.news.set()

    def _pass_on(self, to: int, chunk: bytes) -> None:
        try:
            if self._forward:
                _write(to, chunk)
        except BrokenPipeError:
            raise
        except OSError:  # a full disk, a terminal that was closed: the task is told all the same
            self._forward = False

    def _add(self, stream: StreamName, splitter: Splitter, chunk: bytes | None) -> None:
        with self._changed:
            was_empty = self._entries.size == 0
            if not self._is_over:
                for line in splitter.end() if chunk is None else splitter.feed(chunk):
                    self._entries.add(stream, line, time.monotonic())
            if was_empty and self._entries.size:
                self.news.set()
            self._changed.wait_for(lambda: self._entries.size < _FULL_BYTES)


def _write(to: int, chunk: bytes) -> None:
    view = memoryview(chunk)
    while view:
        try:
            view = view[os.write(to, view) :]
        except BlockingIOError:
            select.select([], [to], [])
