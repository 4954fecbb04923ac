"""What libpq can't do with a connection: give up waiting, and see that the server has left."""

import os
import select
import socket
from contextlib import suppress
from typing import Any

import psycopg
from psycopg import AsyncConnection


def cut(connection: AsyncConnection[Any]) -> None:
    """Let whatever waits for this connection fail at once, as if the server had closed it.

    Cancelling would wait for the server to agree, which one that is frozen or unplugged never does.
    """
    with suppress(OSError, psycopg.OperationalError), _copy(connection) as door:
        door.shutdown(socket.SHUT_RDWR)


def has_unread(connection: AsyncConnection[Any]) -> bool:
    """Whether the server said something on an idle connection: that it leaves, as a rule."""
    waiting = select.poll()
    waiting.register(connection.fileno(), select.POLLIN)
    return bool(waiting.poll(0))


def _copy(connection: AsyncConnection[Any]) -> socket.socket:
    return socket.socket(fileno=os.dup(connection.fileno()))
