"""Which system user the stores run as.

PostgreSQL refuses to run as root. Started by root, the stores run as whoever owns the data already,
or as a system user of their own. No permission of a directory we did not make is ever changed: what
is closed to that user is told instead.
"""

import os
import pwd
import shutil
import subprocess
from pathlib import Path
from typing import Any, NamedTuple, Self

from tasktracker_server.embedded.errors import EmbeddedError

SYSTEM_USER = "tasktracker"


class Account(NamedTuple):
    """The user and group that a store runs as; ``None`` stands for the user we are."""

    uid: int | None
    gid: int | None

    @classmethod
    def of(cls, data_dir: Path) -> Self:
        """The account for the stores of this directory."""
        if os.geteuid() != 0:
            return cls(None, None)
        for place in (data_dir / "postgres", data_dir):
            if place.exists() and place.stat().st_uid != 0:
                return cls(place.stat().st_uid, place.stat().st_gid)
        entry = _system_user()
        return cls(entry.pw_uid, entry.pw_gid)

    @property
    def process_options(self) -> dict[str, Any]:
        """What ``subprocess`` needs to run something as this user, with an environment of its own."""
        options: dict[str, Any] = {"env": {"PATH": "/usr/bin:/bin", "LC_ALL": "C"}, "umask": 0o077}
        if self.uid is not None:
            options |= {"user": self.uid, "group": self.gid, "extra_groups": []}
        return options

    def give(self, path: Path) -> None:
        """Make the user the owner of something we just made."""
        if self.uid is not None and self.gid is not None:
            os.chown(path, self.uid, self.gid)

    def can_enter(self, folder: Path) -> bool:
        """Whether the user reaches a directory through all those above it."""
        return self.uid is None or self._passes("-x", folder)

    def can_run(self, program: Path) -> bool:
        """Whether the user reaches a program and may run it."""
        return self.uid is None or self._passes("-r", program)

    def _passes(self, test: str, path: Path) -> bool:
        command = ("/bin/sh", "-c", 'test "$1" "$2" -a -x "$2"', "sh", test, os.fspath(path))
        done = subprocess.run(command, check=False, cwd="/", **self.process_options)  # noqa: S603 - all ours
        return done.returncode == 0


def _system_user() -> pwd.struct_passwd:
    entry = _known(SYSTEM_USER)
    if entry is None and (program := shutil.which("useradd")) is not None:
        command = (program, "--system", "--no-create-home", "--home-dir", "/nonexistent", SYSTEM_USER)
        # Another process may be faster; what counts is that the user is there afterwards.
        subprocess.run((*command, "--shell", "/bin/false"), check=False, capture_output=True)  # noqa: S603
        entry = _known(SYSTEM_USER)
    if entry is None:
        raise EmbeddedError(
            f"PostgreSQL does not run as root, and the system user '{SYSTEM_USER}' could not be made. "
            "Run as an ordinary user, or give --database-url and --redis-url."
        )
    return entry


def _known(name: str) -> pwd.struct_passwd | None:
    try:
        return pwd.getpwnam(name)
    except KeyError:
        return None
