"""Long answers and event streams on their way out: one unsent write at a time, and a deadline for each.

Tornado leaves the future of a write open for ever when the connection is closed meanwhile, so nothing here
waits for one alone.
"""

import asyncio
from contextlib import aclosing
from typing import Final

from tasktracker_server.http.answers import Reply
from tasktracker_server.http.calls import Call, EventStream
from tasktracker_server.http.outgoing import Outgoing

PIECE: Final = 256 * 1024
"""Bytes written at a time; only answers above this can find their reader slow."""


async def pump(events: EventStream, out: Outgoing, *, closes: bool, write_timeout: float) -> bool:
    """Write frames until they end or their reader stalls; whether the stream came to its end.

    The next frame is asked for once the kernel has the one before, so a slow reader holds one write in
    memory and its place in the history, nothing else.
    """
    async with aclosing(events.frames) as frames:
        written = out.open_stream(events.first, closes=closes)
        if not await _taken_in_time(written, out, write_timeout):
            return False
        async for chunk in frames:
            if not await _taken_in_time(out.connection.write(chunk), out, write_timeout):
                return False
    return True


async def send(reply: Reply, out: Outgoing, call: Call, *, closes: bool, write_timeout: float) -> bool:
    """Write an answer piece by piece; whether the kernel took all of it while its caller was there."""
    if call.gone:
        return False
    gone: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    call.when_gone(lambda: gone.set_result(None))
    try:
        written, rest = out.begin(reply, PIECE, closes=closes)
        while await _taken_in_time(written, out, write_timeout, gone):
            if not rest:
                return True
            written, rest = out.connection.write(bytes(rest[:PIECE])), rest[PIECE:]
        return False
    finally:
        call.when_gone(None)


async def _taken_in_time(
    written: asyncio.Future[None],
    out: Outgoing,
    timeout: float,
    gone: asyncio.Future[None] | None = None,
) -> bool:
    if not written.done():
        watched = [written] if gone is None else [written, gone]
        await asyncio.wait(watched, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
    return written.done() and not out.is_closed
