"""What ``doctor`` looks at without asking anybody: this Python, its packages, this machine's limits."""

import platform
import resource
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from typing import Final

import psycopg

from tasktracker_schema import __version__
from tasktracker_server.cli.findings import Finding, Level, judged

PACKAGES: Final = ("tornado", "msgspec", "psycopg", "psycopg-pool", "redis", "cuid2")
FASTER: Final = ("uvloop", "hiredis")
OPEN_FILES: Final = 4096


def machine_findings() -> Iterator[Finding]:
    """Versions and limits."""
    here = f"{platform.python_version()} on {platform.system()} {platform.machine()}"
    yield Finding(Level.OK, "python", here)
    yield Finding(Level.OK, "tasktracker-server", __version__)
    yield Finding(Level.OK, "packages", ", ".join(f"{name} {_installed(name)}" for name in PACKAGES))
    lacking = [name for name in FASTER if _installed(name) is None]
    if psycopg.pq.__impl__ == "python":
        lacking.append("psycopg-binary")
    says = f"{', '.join(lacking)} missing" if lacking else f"{', '.join(FASTER)}, psycopg in C"
    advice = f"Without them it is slower: pip install {' '.join(lacking)}."
    yield judged(not lacking, "speed-ups", says, advice, Level.WARN)
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    advice = f"Every open stream takes a file; raise it, for example with 'ulimit -n {OPEN_FILES * 4}'."
    enough = soft == resource.RLIM_INFINITY or soft >= OPEN_FILES
    yield judged(enough, "open files", f"{soft} at most", advice, Level.WARN)


def _installed(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
