"""Which files the demo works on."""

import hashlib
import os
import re
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

SKIPPED_FOLDERS: Final = frozenset({"site-packages", "dist-packages", "test", "tests", "__pycache__"})
NAME_LENGTH: Final = 40


@dataclass(frozen=True)
class ChosenFile:
    """A file that becomes a task."""

    path: Path
    label: str
    """Its path below the folder it was found in."""
    size: int

    def task_name(self) -> str:
        """What of the label may stand in a task id."""
        return re.sub(r"[^A-Za-z0-9_.~=-]", ".", self.label)[-NAME_LENGTH:]


def standard_library() -> Path:
    """Where this Python keeps its standard library."""
    return Path(sysconfig.get_paths()["stdlib"])


def choose_files(root: Path | None, limit: int) -> list[ChosenFile]:
    """The largest files below ``root`` (Python's own modules without one), largest first."""
    found = _library_files(standard_library()) if root is None else _files_below(root.resolve())
    return sorted(found, key=lambda file: (-file.size, file.label))[:limit]


def sha256_of(path: Path) -> str:
    """The file's digest, read anew."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _library_files(root: Path) -> Iterator[ChosenFile]:
    return (file for file in _files_below(root, SKIPPED_FOLDERS) if file.path.suffix == ".py")


def _files_below(root: Path, skipped: frozenset[str] = frozenset()) -> Iterator[ChosenFile]:
    if root.is_file():
        yield from _as_chosen(root, root.parent)
        return
    for folder, folders, names in os.walk(root):
        folders[:] = [name for name in folders if name not in skipped]
        for name in names:
            yield from _as_chosen(Path(folder, name), root)


def _as_chosen(path: Path, root: Path) -> Iterator[ChosenFile]:
    """The file, unless it is empty, a link, or not for us to read."""
    if path.is_symlink() or not path.is_file() or not os.access(path, os.R_OK) or not _is_text(path):
        return
    if size := path.stat().st_size:
        yield ChosenFile(path, str(path.relative_to(root)), size)


def _is_text(path: Path) -> bool:
    """Whether the name can be told to a worker in JSON."""
    try:
        str(path).encode()
    except UnicodeEncodeError:
        return False
    return True
