"""The Lua scripts, each made for one incarnation of the server that runs them.

A restarted or promoted server may hold older data. So every script's text begins with the ``run_id`` of
the server it was made for: a server that restarted does not know the script (NOSCRIPT), which makes us
ask for its ``run_id`` anew, and what the old incarnation seeded no longer matches. Scripts are loaded by
EVAL, which is never written to the append-only file or sent to replicas, unlike SCRIPT LOAD before
Redis 7.
"""

from functools import cache
from hashlib import sha1
from importlib import resources
from typing import NamedTuple


class Script(NamedTuple):
    """A script's text and the digest EVALSHA names it by."""

    text: str
    sha: str


NAMES = (
    "append", "close", "extend", "fence", "forget", "glance", "note", "peek", "read", "seed",
    "verify", "void",
)  # fmt: skip


def made_for(run_id: str) -> dict[str, Script]:
    """All scripts for the incarnation ``run_id``."""
    header = f"local INCARNATION = '{run_id}'\nif #KEYS == 0 then return end\n"
    return {name: _script(f"{header}{_source(name)}") for name in NAMES}


def _script(text: str) -> Script:
    return Script(text, sha1(text.encode(), usedforsecurity=False).hexdigest())


@cache
def _source(name: str) -> str:
    return resources.files(__package__).joinpath("scripts", f"{name}.lua").read_text()
