"""The processes a demo starts: the service and its workers."""

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

START_SECONDS: Final = 60
STOP_SECONDS: Final = 15
LISTENING: Final = re.compile(r"^listening on (http://\S+)", re.MULTILINE)


class ProcessEndedError(Exception):
    """A process the demo needs has ended by itself, or did not come up."""


class Child:
    """One process with its output in a file."""

    def __init__(self, name: str, module: str, arguments: Sequence[str], log: Path) -> None:
        self.name = name
        self._log = log
        with log.open("wb") as output:
            # A session of its own: Ctrl-C in the terminal is for the demo, which stops its children in order.
            self._process = subprocess.Popen(  # noqa: S603 - this Python with modules of this package
                [sys.executable, "-m", module, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=_environment(),
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    @property
    def output(self) -> str:
        """All it has written so far."""
        return self._log.read_text(errors="replace")

    def check(self) -> None:
        """Raise when it has ended."""
        code = self._process.poll()
        if code is not None:
            last = "\n".join(self.output.splitlines()[-15:])
            raise ProcessEndedError(f"{self.name} ended by itself (exit code {code}):\n{last}")

    def wait_for(self, pattern: re.Pattern[str]) -> str:
        """The first group of the pattern, once it is in the output."""
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if found := pattern.search(self.output):
                return found[1]
            self.check()
            time.sleep(0.02)
        raise ProcessEndedError(f"{self.name} did not come up within {START_SECONDS} s:\n{self.output}")

    def ask_to_stop(self) -> None:
        """Send SIGTERM."""
        self._process.terminate()

    def stop(self) -> None:
        """End it: politely, then not."""
        self.ask_to_stop()
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


@contextmanager
def running_child(name: str, module: str, arguments: Sequence[str], log: Path) -> Iterator[Child]:
    """One process until the end of the block."""
    child = Child(name, module, arguments, log)
    try:
        yield child
    finally:
        child.stop()


@contextmanager
def service(arguments: Sequence[str], log: Path) -> Iterator[Child]:
    """The service itself, until the end of the block."""
    with running_child("the service", "tasktracker_server", ["serve", *arguments], log) as child:
        yield child


@contextmanager
def workers(count: int, url: str, task_type: str, logs: Path) -> Iterator[list[Child]]:
    """So many worker processes, until the end of the block."""
    children: list[Child] = []
    try:
        for number in range(1, count + 1):
            name = f"worker-{number}"
            module = "tasktracker_server.demo.worker"
            children.append(
                Child(name, module, [url, task_type, name, str(os.getpid())], logs / f"{name}.log")
            )
        yield children
    finally:
        for child in children:
            child.ask_to_stop()
        for child in children:
            child.stop()


def _environment() -> dict[str, str]:
    """The demo is the same wherever it runs: settings of a service that is in use are not for it."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("TASK_TRACKER_")}
    return kept | {"PYTHONUNBUFFERED": "1"}
