"""A way to Redis on which an answer can get lost: what was asked is done, and the connection breaks.

For requests and answers of one piece each, as those of a few small calls are.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from redis import ConnectionPool


class LossyRedis:
    """Passes on what it knows nothing of; listens on a port of its own."""

    def __init__(self, url: str) -> None:
        self._options = ConnectionPool.from_url(url).connection_kwargs
        self._marker: bytes | None = None
        self.url = ""
        self.lost = 0

    def lose_answer_to(self, marker: bytes) -> None:
        """The next request with this in it is carried out; its connection breaks instead of an answer."""
        self._marker = marker

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[None]:
        """Accept connections in this block."""
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        self.url = f"redis://127.0.0.1:{port}/{self._options.get('db', 0)}"
        try:
            yield
        finally:
            server.close()

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if "path" in self._options:
            return await asyncio.open_unix_connection(self._options["path"])
        return await asyncio.open_connection(self._options["host"], self._options["port"])

    async def _serve(self, from_client: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> None:
        from_redis, to_redis = await self._connect()
        try:
            while request := await from_client.read(1 << 20):
                to_redis.write(request)
                answer = await from_redis.read(1 << 20)
                if self._marker is not None and self._marker in request and not answer.startswith(b"-"):
                    self._marker = None
                    self.lost += 1
                    return
                to_client.write(answer)
        finally:
            to_redis.close()
            to_client.close()
