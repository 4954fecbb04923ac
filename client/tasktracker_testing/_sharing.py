"""Who uses the service: the first starts it with its keeper, which ends it after the last."""

import contextlib
import fcntl
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from tasktracker_testing import _locks

START_SECONDS: Final = 90.0
"""Long: many may start at once on a small machine."""
URL: Final = "url"
"""The file that says where the service listens, for as long as it does."""


class ServiceNotStarted(Exception):
    """The service did not come up; the message is what it told."""


class ServerNotInstalled(ServiceNotStarted):
    """There is no server to start in this environment."""

    def __init__(self) -> None:
        super().__init__(
            "A real service is started for these tests, and the package tasktracker-server is missing: "
            "pip install 'tasktracker-client[testing]'."
        )


@contextlib.contextmanager
def running_service(shared_as: str | None = None) -> Iterator[str]:
    """The URL of a service with empty stores of its own, for the length of the block.

    Processes of one user that give the same ``shared_as`` use the same service. It ends, and its data
    with it, after the last of them, even one that was killed.

    Raises ``ServiceNotStarted``, and of it ``ServerNotInstalled`` without the extra ``[testing]``.
    """
    if find_spec("tasktracker_server") is None:
        raise ServerNotInstalled
    folder = _folder(shared_as)
    with _locks.alone(folder):
        use = _locks.hold(folder / _locks.USERS, fcntl.LOCK_SH)
        try:
            url = _url(folder)
        except BaseException:
            os.close(use)
            raise
    try:
        yield url
    finally:
        os.close(use)


def _folder(shared_as: str | None) -> Path:
    place = Path(tempfile.gettempdir())
    if shared_as is not None:
        return place / f"tasktracker-testing-{os.geteuid()}-{shared_as}"
    return Path(tempfile.mkdtemp(prefix="tasktracker-testing-"))


def _url(folder: Path) -> str:
    known = folder / URL
    return known.read_text() if known.exists() else _start(folder)


def _start(folder: Path) -> str:
    command = [sys.executable, "-P", "-m", "tasktracker_testing.keeper", str(folder)]
    # The keeper goes into the background by itself once it knows how the start went.
    done = subprocess.run(  # noqa: S603 - this Python with a module of this package
        command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=START_SECONDS, check=False
    )
    if done.returncode:
        raise ServiceNotStarted(f"The service for these tests did not start:\n{done.stderr.strip()}")
    return done.stdout.strip()
