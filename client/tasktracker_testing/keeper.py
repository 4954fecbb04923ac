"""Starts the service for tests and ends it when nobody uses it any more.

A process of its own, in the background: it sleeps in a lock that every user of the service holds. The
kernel hands that over also when the users were killed, so that nothing is left behind.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import IO, Final

from tasktracker_testing import _locks
from tasktracker_testing._sharing import URL

READY: Final = "listening on "
STOP_SECONDS: Final = 20.0
LOG: Final = "service.log"
_TOLD_LINES: Final = 15
"""Of the log, where the start fails."""


def main(folder: Path) -> int:
    """``python -m tasktracker_testing.keeper FOLDER``: prints the URL, and stays behind as a daemon."""
    reading, writing = os.pipe()
    if os.fork() == 0:
        os.close(reading)
        _go_into_background(folder / LOG)
        with os.fdopen(writing, "w") as told:
            _keep(folder, told)
        return 0
    os.close(writing)
    with os.fdopen(reading) as answer:
        url = answer.read()
    if url:
        print(url, flush=True)  # noqa: T201 - a command's answer
        return 0
    last = (folder / LOG).read_text(errors="replace").splitlines()[-_TOLD_LINES:]
    print("\n".join(last), file=sys.stderr)  # noqa: T201 - a command's answer
    shutil.rmtree(folder, ignore_errors=True)
    return 1


def _go_into_background(log: Path) -> None:
    os.setsid()
    os.chdir("/")
    with log.open("wb") as output, open(os.devnull, "rb") as nothing:
        os.dup2(nothing.fileno(), 0)
        os.dup2(output.fileno(), 1)
        os.dup2(output.fileno(), 2)


def _keep(folder: Path, told: IO[str]) -> None:
    """Start, tell the URL, wait for the last user, end. Tells nothing where there is nothing to keep."""
    with tempfile.TemporaryDirectory(prefix="tasktracker-testing-data-") as data:
        # Started by root, the stores run as a user of their own, who has to pass.
        Path(data).chmod(0o711 if os.geteuid() == 0 else 0o700)
        with _serving(Path(data) / "stores") as service:
            url = _ready_url(service)
            if not url:
                return
            try:
                (folder / URL).write_text(url)
                told.write(url)
                told.close()
                _wait_for_the_last(folder)
            finally:
                _stop(service)


def _serving(data: Path) -> subprocess.Popen[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("TASK_TRACKER_")}
    command = [sys.executable, "-P", "-m", "tasktracker_server", "serve"]
    arguments = ["--port", "0", "--data-dir", str(data), "--log-format", "text"]
    return subprocess.Popen(  # noqa: S603 - this Python with a module of the server
        [*command, *arguments], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, env=kept
    )


def _ready_url(service: subprocess.Popen[str]) -> str:
    for line in service.stdout or ():
        if line.startswith(READY):
            return line.removeprefix(READY).strip()
    return ""


def _wait_for_the_last(folder: Path) -> None:
    """Return when nobody uses the service, with its folder gone, so that nobody can begin to."""
    users = folder / _locks.USERS
    while True:
        _locks.wait_until_free(users)
        with _locks.alone(folder):
            if not _locks.is_held(users):
                shutil.rmtree(folder, ignore_errors=True)
                return


def _stop(service: subprocess.Popen[str]) -> None:
    service.terminate()
    try:
        service.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        service.kill()


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
