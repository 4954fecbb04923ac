"""Event streams on their way out: one unsent write at a time, and a deadline for each."""

import asyncio
from contextlib import aclosing

from tasktracker_server.http.calls import Call, EventStream
from tasktracker_server.http.outgoing import Outgoing


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


async def _taken_in_time(written: asyncio.Future[None], out: Outgoing, timeout: float) -> bool:
    """Whether a write went through; Tornado leaves its future open when the connection is closed."""
    if not written.done():
        await asyncio.wait([written], timeout=timeout)
    return written.done() and not out.is_closed


async def delivered(written: asyncio.Future[None], out: Outgoing, call: Call, timeout: float) -> bool:
    """Whether the kernel took a whole answer while its caller was there."""
    if not written.done():
        gone = asyncio.get_running_loop().create_future()
        call.when_gone(lambda: gone.set_result(None))
        await asyncio.wait([written, gone], timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
        call.when_gone(None)
    return written.done() and not call.gone and not out.is_closed
