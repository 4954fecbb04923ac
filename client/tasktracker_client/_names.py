"""The name under which this process works."""

import os
import socket
from functools import lru_cache
from typing import Final
from uuid import uuid4

from tasktracker_schema.limits import NAME_LENGTH

_HOST_LENGTH: Final = 64


@lru_cache(maxsize=1)
def _host() -> str:
    name = "".join(each for each in socket.gethostname() if each.isprintable())
    return name[:_HOST_LENGTH] or "host"


def new_worker_id() -> str:
    """``host:pid:random``: readable in a list, and nobody else's, whatever was forked or restarted."""
    return f"{_host()}:{os.getpid()}:{uuid4().hex[:8]}"[:NAME_LENGTH]
