"""Programs as a reader of the examples starts them."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from services import wait_for

EXAMPLES = Path(__file__).parents[2] / "examples"
SECONDS = 60.0


class Program:
    """One that runs; all it told is in a file."""

    def __init__(self, process: subprocess.Popen[bytes], log: Path) -> None:
        self.process = process
        self._log = log

    @property
    def told(self) -> str:
        return self._log.read_bytes().decode(errors="replace")

    def wait_for(self, pattern: str) -> str:
        """The first group of the pattern, once it was told."""
        found = wait_for(lambda: bool(self._found(pattern)) or self.process.poll() is not None, SECONDS)
        match = self._found(pattern)
        assert found, f"it did not tell {pattern!r} in time but:\n{self.told}"
        assert match is not None, f"it ended without {pattern!r}:\n{self.told}"
        return match[1] if match.re.groups else match[0]

    def ended(self) -> int:
        """Its exit code, once it has ended by itself."""
        return self.process.wait(SECONDS)

    def stop(self) -> int:
        """Its exit code after SIGTERM."""
        self.process.send_signal(signal.SIGTERM)
        return self.ended()

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(SECONDS)

    def _found(self, pattern: str) -> re.Match[str] | None:
        return re.search(pattern, self.told, re.MULTILINE)


@contextmanager
def running(url: str, folder: Path, *command: str) -> Iterator[Program]:
    """A command beside the examples, with the service's URL; killed at the end if it still runs."""
    log = folder / f"{Path(command[-1]).stem}-{os.urandom(3).hex()}.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            cwd=EXAMPLES,
            env=os.environ | {"TASK_TRACKER_URL": url, "PYTHONUNBUFFERED": "1"},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )
    try:
        yield Program(process, log)
    finally:
        if process.poll() is None:
            process.kill()
        process.wait(SECONDS)


@contextmanager
def python(url: str, folder: Path, *arguments: str) -> Iterator[Program]:
    """The same for one in Python."""
    with running(url, folder, sys.executable, *arguments) as program:
        yield program
