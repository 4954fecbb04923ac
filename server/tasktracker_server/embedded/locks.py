"""Locks that die with their holders.

A ``flock`` belongs to an open file, and the kernel drops it with the last process that has the file
open: no pid to go stale after a SIGKILL, none to be taken for a stranger's. A store inherits such a
file, so that its lock tells whether any process of it is left.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def open_lock(path: Path, *, create: bool = True) -> int:
    """A new descriptor of the lock file, which belongs to whoever the directory belongs to."""
    descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC | (os.O_CREAT if create else 0), 0o600)
    folder = path.parent.stat()
    if os.geteuid() == 0 and os.fstat(descriptor).st_uid != folder.st_uid:
        os.fchown(descriptor, folder.st_uid, folder.st_gid)
    return descriptor


@contextmanager
def alone(path: Path, *, create: bool = True) -> Iterator[None]:
    """Nobody else is in here, in any process, until this ends."""
    descriptor = open_lock(path, create=create)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def is_held(path: Path, *, by_anybody: bool = True) -> bool:
    """Whether somebody holds the lock exclusively, or (``by_anybody``) at all."""
    try:
        descriptor = open_lock(path, create=False)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, (fcntl.LOCK_EX if by_anybody else fcntl.LOCK_SH) | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def hold(path: Path, *, shared: bool) -> int:
    """A descriptor that holds the lock until it is closed here and in every process that inherits it."""
    descriptor = open_lock(path)
    fcntl.flock(descriptor, fcntl.LOCK_SH if shared else fcntl.LOCK_EX)
    return descriptor


def mark_ephemeral(data_dir: Path) -> None:
    """Note that the directory is to go with its last user."""
    (data_dir / ".ephemeral").touch()


def is_ephemeral(data_dir: Path) -> bool:
    """Whether it was noted."""
    return (data_dir / ".ephemeral").exists()
