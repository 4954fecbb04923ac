"""The open connections, and what each is doing."""

import asyncio
from collections.abc import Callable
from typing import Any, Final, cast

from tornado.http1connection import HTTP1Connection, HTTP1ConnectionParameters, HTTP1ServerConnection
from tornado.httputil import HTTPServerConnectionDelegate
from tornado.iostream import IOStream
from tornado.tcpserver import TCPServer

from tasktracker_server.http.exchange import Exchange
from tasktracker_server.http.front import Front
from tasktracker_server.http.phases import Phase

_UNLIMITED: Final = 1 << 62
"""Bodies are bounded by their exchange, which answers in JSON; Tornado's own bound would not."""
_READ_BUFFER: Final = 1024 * 1024
"""What one connection may send ahead of being read."""
_SWEEPS: Final = 4
"""Looks at a connection within its idle timeout."""
_NEVER_TIMED: Final = frozenset({Phase.ANSWERING, Phase.STREAMING})


class Connections(TCPServer, HTTPServerConnectionDelegate):
    """Accepts connections, and keeps for each the exchange it is at.

    It is to Tornado what ``HTTPServer`` is, without the timer which that one arms for the headers of each
    request (a sixth of the cost of a small answer): one sweep looks at all connections instead.
    """

    def __init__(self, front: Front) -> None:
        super().__init__(max_buffer_size=_READ_BUFFER)
        self._front = front
        self._parameters = HTTP1ConnectionParameters(
            max_header_size=front.options.header_limit, max_body_size=_UNLIMITED
        )
        self._at: dict[HTTP1ServerConnection, Exchange] = {}
        self._sweep_timer = self._sweep_later()

    def __len__(self) -> int:
        return len(self._at)

    @property
    def reading(self) -> int:
        """Requests that are still being read."""
        return sum(exchange.phase is Phase.READING for exchange in self._at.values())

    # What Tornado tells

    def handle_stream(self, stream: IOStream, address: Any) -> None:
        """A connection was accepted."""
        connection = HTTP1ServerConnection(stream, self._parameters, address)
        connection.start_serving(self)

    def start_request(self, server_conn: object, request_conn: Any) -> Exchange:
        """A connection waits for its next request."""
        connection = cast(HTTP1ServerConnection, server_conn)
        is_first = connection not in self._at
        exchange = Exchange(cast(HTTP1Connection, request_conn), self._front, is_first=is_first)
        self._at[connection] = exchange
        return exchange

    def on_close(self, server_conn: object) -> None:
        """A connection has ended."""
        self._at.pop(cast(HTTP1ServerConnection, server_conn), None)

    # Ending

    def refuse_reuse(self) -> None:
        """Let every connection end with the request it is at."""
        self._parameters.no_keep_alive = True

    def close_idle(self, *, new_ones: bool = True) -> None:
        """Close the connections that wait for a request; ``new_ones`` have not sent any yet."""
        self._close_where(
            lambda exchange: exchange.phase is Phase.WAITING and (new_ones or not exchange.is_first)
        )

    async def close_all(self) -> None:
        """Close every connection, whatever it is doing."""
        self._sweep_timer.cancel()
        while self._at:
            connection = next(iter(self._at))
            await connection.close()
            self._at.pop(connection, None)

    def _sweep(self) -> None:
        self._sweep_timer = self._sweep_later()
        for exchange in self._at.values():
            exchange.idle_sweeps += 1
        self._close_where(lambda one: one.idle_sweeps > _SWEEPS and one.phase not in _NEVER_TIMED)

    def _close_where(self, condemned: Callable[[Exchange], bool]) -> None:
        for connection in [each for each, exchange in self._at.items() if condemned(exchange)]:
            connection.stream.close()

    def _sweep_later(self) -> asyncio.TimerHandle:
        return self._front.loop.call_later(self._front.options.idle_timeout / _SWEEPS, self._sweep)
