"""The listening side: binds addresses, and ends in order."""

import asyncio
from typing import Final

from tornado.netutil import bind_sockets

from tasktracker_server.http.connections import Connections
from tasktracker_server.http.front import Front
from tasktracker_server.http.options import HttpOptions
from tasktracker_server.http.ports import Service

_BACKLOG: Final = 1024
_NEW_SECONDS: Final = 0.5
"""While draining, a connection just opened may still send its first request for so long."""
_ABANDON_SECONDS: Final = 5.0
"""For answers that were given up, to put things in order."""
_LOOK_SECONDS: Final = 0.02
"""Between two looks at what is still under way while draining."""


class HttpServer:
    """Serves the API on any number of addresses; made within the event loop that is to serve it.

    ::

        server = HttpServer(service, options)
        server.listen("127.0.0.1", 3002)
        ...
        await server.drain(grace_seconds=10)
    """

    def __init__(self, service: Service, options: HttpOptions | None = None) -> None:
        self._front = Front(service, options or HttpOptions())
        self._connections = Connections(self._front)

    def listen(self, host: str, port: int, *, reuse_port: bool = False) -> list[tuple[str, int]]:
        """Bind and accept; returns the addresses bound, with the port chosen where 0 was given."""
        sockets = bind_sockets(port, host, backlog=_BACKLOG, reuse_port=reuse_port)
        self._connections.add_sockets(sockets)
        return [each.getsockname()[:2] for each in sockets]

    @property
    def open_connections(self) -> int:
        """Connections, whatever they are doing."""
        return len(self._connections)

    @property
    def in_flight(self) -> int:
        """Requests being read or answered, open streams included."""
        return self._connections.reading + len(self._front.running)

    def close_idle(self) -> None:
        """Close the connections that wait for a request."""
        self._connections.close_idle()

    def end_streams(self) -> None:
        """End the open streams; their readers resume elsewhere."""
        for exchange in list(self._front.running):
            exchange.end_stream()

    async def drain(self, grace_seconds: float) -> None:
        """Stop accepting, end streams, answer what is under way; after the grace close what is left.

        Calls that wait (a claim with ``waitSeconds``) are answered when their service lets go of them, so
        that is told to before this.
        """
        began = self._front.loop.time()
        self._front.draining = True
        self._connections.stop()
        self._connections.refuse_reuse()
        while (passed := self._front.loop.time() - began) < grace_seconds:
            self.end_streams()
            self._connections.close_idle(new_ones=passed > _NEW_SECONDS)
            if not len(self._connections) and not self._front.running:
                break
            await asyncio.sleep(_LOOK_SECONDS)
        await self._give_up()

    async def _give_up(self) -> None:
        ending = [task for exchange in self._front.running if (task := exchange.abandon())]
        if ending:
            await asyncio.wait(ending, timeout=_ABANDON_SECONDS)
        await self._connections.close_all()
