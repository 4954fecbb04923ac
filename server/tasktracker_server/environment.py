"""Which variables of an environment are meant for the settings, and which only look like it.

Kubernetes tells every container of each service near it: one called ``task-tracker`` appears as
``TASK_TRACKER_PORT=tcp://10.0.0.7:3002`` and a dozen more. None of those is anybody's setting.
"""

import difflib
import re
from collections.abc import Collection, Iterator, Mapping
from typing import Final

PREFIX: Final = "TASK_TRACKER_"
TESTS: Final = "TEST_"
"""What follows the prefix in variables that are the tests' own."""
CLIENTS: Final = frozenset({f"{PREFIX}URL", f"{PREFIX}API_KEY"})
"""What clients read: in one shell, or one container, with the service."""

_SERVICE_LINK: Final = re.compile(r"(.+_)?(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT_\d+_(TCP|UDP|SCTP)(_\w+)?)")
_LINKED_PORT: Final = re.compile(r"(tcp|udp|sctp)://.+")


def given(environ: Mapping[str, str], name: str) -> str | None:
    """The variable, unless it is empty or a service's address that Kubernetes put there."""
    value = environ.get(name, "").strip()
    if not value or (name == f"{PREFIX}PORT" and _LINKED_PORT.fullmatch(value)):
        return None
    return value


def misspelt(environ: Mapping[str, str], known: Collection[str]) -> Iterator[str]:
    """A sentence for each variable that begins like a setting's and is none."""
    for name in sorted(environ):
        rest = name.removeprefix(PREFIX)
        if rest == name or name in known or name in CLIENTS:
            continue
        if rest.startswith(TESTS) or _SERVICE_LINK.fullmatch(rest):
            continue
        near = difflib.get_close_matches(name, known, n=1, cutoff=0.75)
        yield f"{name} is not a setting" + (f"; did you mean {near[0]}?" if near else ".")
