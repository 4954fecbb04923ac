"""The command ``tasktracker`` as a process: piped, and on a terminal of its own."""

import fcntl
import json
import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

COMMAND = str(Path(sys.executable).parent / "tasktracker")
SECONDS = 60.0
STYLES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


def environ(**more: str) -> dict[str, str]:
    """The environment without anything that concerns the service or colours."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("TASK_TRACKER_") and name not in ("NO_COLOR", "FORCE_COLOR", "COLUMNS")
    }
    return kept | {"TERM": "xterm-256color", **more}


class Ran(NamedTuple):
    """What a command did."""

    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[Any]:
        """Its stdout as JSON lines."""
        return [json.loads(line) for line in self.out.splitlines()]


class Shell:
    """Runs the command against one service."""

    def __init__(self, url: str) -> None:
        self.url = url

    def run(self, *words: str, stdin: str | None = None, may_trace: bool = False, **env: str) -> Ran:
        """Run it to its end; it may show tracebacks of a job's code only."""
        done = subprocess.run(
            [COMMAND, *words],
            env=environ(TASK_TRACKER_URL=self.url, **env),
            input="" if stdin is None else stdin,
            capture_output=True,
            timeout=SECONDS,
            text=True,
            errors="replace",
            check=False,
        )
        assert may_trace or "Traceback" not in done.stderr, done.stderr
        return Ran(done.returncode, done.stdout, done.stderr)

    def ok(self, *words: str, **more: Any) -> str:
        """The output of one that has to succeed, without its last line end."""
        ran = self.run(*words, **more)
        assert ran.code == 0, ran
        return ran.out.rstrip("\n")

    @contextmanager
    def started(self, *words: str, **env: str) -> Iterator[subprocess.Popen[bytes]]:
        """Run it in the background; it is ended with the block."""
        process = subprocess.Popen(
            [COMMAND, *words],
            env=environ(TASK_TRACKER_URL=self.url, **env),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        try:
            yield process
        finally:
            process.kill()
            process.communicate(timeout=SECONDS)

    @contextmanager
    def terminal(self, *words: str, **env: str) -> Iterator["Terminal"]:
        """Run it on a terminal."""
        terminal = Terminal([COMMAND, *words], environ(TASK_TRACKER_URL=self.url, **env))
        try:
            yield terminal
        finally:
            terminal.close()


class Terminal:
    """A command whose stdin, stdout and stderr are a terminal of 120 columns."""

    def __init__(self, words: list[str], env: dict[str, str]) -> None:
        self._fd, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))
        self.process = subprocess.Popen(
            words, env=env, stdin=slave, stdout=slave, stderr=slave, start_new_session=True
        )
        os.close(slave)
        self.raw = ""

    @property
    def shown(self) -> str:
        """All it wrote, without styles."""
        return STYLES.sub("", self.raw)

    def read_until(self, text: str) -> None:
        """Read on until it has shown this."""
        deadline = time.monotonic() + SECONDS
        while text not in self.shown:
            assert time.monotonic() < deadline, self.shown
            assert self._read(), f"it ended with: {self.shown}"

    def end(self) -> int:
        """Read on to its end; the exit code."""
        deadline = time.monotonic() + SECONDS
        while self._read():
            assert time.monotonic() < deadline, self.shown
        return self.process.wait(SECONDS)

    def close(self) -> None:
        """End it, if it has not."""
        self.process.kill()
        self.process.wait(SECONDS)
        os.close(self._fd)

    def _read(self) -> bool:
        if not select.select([self._fd], [], [], 0.1)[0]:
            return True
        try:
            chunk = os.read(self._fd, 65_536)
        except OSError:  # all have closed the other end
            return False
        self.raw += chunk.decode(errors="replace")
        return bool(chunk)
