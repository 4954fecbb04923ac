"""Files whose locks the kernel drops with their holders, however those end."""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

CHANGE: Final = "change"
"""Held alone by whoever starts or ends the service."""
USERS: Final = "users"
"""Held shared by everybody who uses it."""


@contextlib.contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Nobody else starts or ends the service of this folder; the folder is there, made if need be."""
    descriptor = _hold_in_place(folder)
    try:
        yield
    finally:
        os.close(descriptor)


def hold(path: Path, how: int) -> int:
    """A descriptor that holds the lock, as ``fcntl.flock`` takes it, until it is closed."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, how)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def is_held(path: Path) -> bool:
    """Whether anybody else holds the lock."""
    try:
        os.close(hold(path, fcntl.LOCK_EX | fcntl.LOCK_NB))
    except BlockingIOError:
        return True
    return False


def wait_until_free(path: Path) -> None:
    """Return once nobody holds the lock."""
    os.close(hold(path, fcntl.LOCK_EX))


def _hold_in_place(folder: Path) -> int:
    """Whoever held the lock before may have removed the folder: then another file is the lock by now."""
    while True:
        folder.mkdir(mode=0o711, exist_ok=True)
        try:
            descriptor = hold(folder / CHANGE, fcntl.LOCK_EX)
        except FileNotFoundError:
            continue
        with contextlib.suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(descriptor), (folder / CHANGE).stat()):
                return descriptor
        os.close(descriptor)
