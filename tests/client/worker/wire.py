"""A wire to the service that loses what a rule says, call by call."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from collections.abc import Callable
from contextlib import closing, suppress
from types import TracebackType
from typing import Final, Literal, Self
from urllib.parse import urlsplit

from history.connection import Message, read_message

Fate = Literal["pass", "drop", "cut"]
"""``drop``: carried out, but the answer is lost; ``cut``: it never arrives."""
Rule = Callable[[str, int], Fate]
"""Asked about a call's last word (``claim``, ``progress``, ``complete`` …) and its number among those."""
_LIMIT: Final = 1 << 24


def first(word: str, fate: Fate = "drop", times: int = 1) -> Rule:
    """The first calls of one kind meet that fate, all others pass."""
    return lambda called, number: fate if called == word and number <= times else "pass"


class Wire:
    """Passes calls on in a thread of its own; a ``with`` block begins and ends it."""

    def __init__(self, url: str, rule: Rule) -> None:
        parts = urlsplit(url)
        self._host, self._port = parts.hostname or "127.0.0.1", parts.port or 80
        self.rule = rule
        self.calls: Counter[str] = Counter()
        self.lost = 0
        self.url = ""

    def __enter__(self) -> Self:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="wire")
        self._ready = threading.Event()
        self._thread.start()
        assert self._ready.wait(30)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join()

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._main())

    async def _main(self) -> None:
        self._over = asyncio.Event()
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0, limit=_LIMIT)
        self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        self._ready.set()
        await self._over.wait()
        server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with closing(writer), suppress(OSError, EOFError):
            upstream = await asyncio.open_connection(self._host, self._port, limit=_LIMIT)
            with closing(upstream[1]):
                while await self._pass(await read_message(reader), upstream, writer):
                    pass

    async def _pass(
        self,
        request: Message,
        upstream: tuple[asyncio.StreamReader, asyncio.StreamWriter],
        to_caller: asyncio.StreamWriter,
    ) -> bool:
        word = request.head.split(b" ", 2)[1].decode().rpartition("/")[2]
        self.calls[word] += 1
        fate = self.rule(word, self.calls[word])
        self.lost += fate != "pass"
        if fate == "cut":
            return False
        upstream[1].write(request.head + request.body)
        answer = await read_message(upstream[0])
        if fate == "drop":
            return False
        to_caller.write(answer.head + answer.body)
        return True
