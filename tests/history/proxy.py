"""Stands between callers and the service, and loses what networks lose.

``python -m history.proxy SEED URL...`` listens on one port for each URL and tells the ports in one line.
Of the requests it passes on it drops some answers, which the service has sent and the caller never sees; it
cuts some requests before they have arrived whole; and it hangs up on some while the service is at them.
It ends with its standard input, that is, with whoever started it.
"""

from __future__ import annotations

import asyncio
import random
import sys
from contextlib import closing, suppress
from typing import Final, Literal
from urllib.parse import urlsplit

from .connection import Message, read_message

Fate = Literal["passes", "answer dropped", "cut", "hung up"]
FATES: Final[dict[Fate, float]] = {"passes": 0.925, "answer dropped": 0.05, "cut": 0.015, "hung up": 0.01}
HANG_UP_SECONDS: Final = 0.01
"""A caller who hangs up does so within this time: before the service has answered, or just then."""


class Proxy:
    """Passes the requests of many connections to one instance of the service."""

    def __init__(self, url: str, chance: random.Random) -> None:
        parts = urlsplit(url)
        self._host, self._port = parts.hostname or "127.0.0.1", parts.port or 80
        self._chance = chance

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Pass on what comes over one connection of a caller, until fate or the caller ends it."""
        with closing(writer), suppress(OSError, EOFError):
            from_service, to_service = await asyncio.open_connection(self._host, self._port)
            with closing(to_service):
                while await self._pass(await read_message(reader), from_service, to_service, writer):
                    pass

    async def _pass(
        self,
        request: Message,
        from_service: asyncio.StreamReader,
        to_service: asyncio.StreamWriter,
        to_caller: asyncio.StreamWriter,
    ) -> bool:
        (fate,) = self._chance.choices(list(FATES), list(FATES.values()))
        whole = request.head + request.body
        if fate == "cut":
            to_service.write(whole[: self._chance.randrange(len(whole))])
            return False
        to_service.write(whole)
        if fate == "hung up":
            await asyncio.sleep(self._chance.uniform(0, HANG_UP_SECONDS))
            return False
        answer = await read_message(from_service)
        if fate == "answer dropped":
            return False
        to_caller.write(answer.head + answer.body)
        return True


async def main(seed: str, urls: list[str]) -> None:
    """Listen until standard input ends."""
    over = asyncio.Event()
    asyncio.get_running_loop().add_reader(sys.stdin.fileno(), over.set)
    servers = [
        await asyncio.start_server(Proxy(url, random.Random(f"{seed} {at}")).serve, "127.0.0.1", 0)
        for at, url in enumerate(urls)
    ]
    print(*(server.sockets[0].getsockname()[1] for server in servers), flush=True)  # noqa: T201
    await over.wait()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2:]))
