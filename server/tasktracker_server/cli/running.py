"""One event loop for a command, and the signals that end it."""

import asyncio
import logging
import signal
import sys
from collections.abc import Awaitable, Callable
from types import FrameType
from typing import Final

_logger = logging.getLogger(__name__)

STOP_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""SIGHUP too: a closed terminal is to leave no store running."""


def end_on_signals() -> None:
    """Let any stop signal unwind the command from now on, until a loop takes the signals over."""

    def leave(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    for sign in STOP_SIGNALS:
        signal.signal(sign, leave)


def run(work: Callable[[asyncio.Event], Awaitable[None]], *, grace_seconds: float) -> None:
    """Run ``work`` on the fastest loop there is; the event it gets is set by a stop signal.

    It then has ``grace_seconds`` to return; after that, or at a second signal, it is cancelled.
    """
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        runner.run(_until_stopped(work, grace_seconds))


async def _until_stopped(work: Callable[[asyncio.Event], Awaitable[None]], grace_seconds: float) -> None:
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    task = asyncio.ensure_future(work(stop))

    def on_signal(sign: signal.Signals) -> None:
        if stop.is_set():
            _logger.warning("second %s: not waiting any longer", sign.name, extra={"action": "stopping"})
            task.cancel()
        else:
            _logger.info("%s: stopping", sign.name, extra={"action": "stopping"})
            stop.set()
            loop.call_later(grace_seconds, task.cancel)

    for sign in STOP_SIGNALS:
        loop.add_signal_handler(sign, on_signal, sign)
    try:
        await task
    except asyncio.CancelledError:
        _logger.warning("stopped before everything under way had ended", extra={"action": "cut_off"})
    finally:
        for sign in STOP_SIGNALS:
            loop.remove_signal_handler(sign)
        end_on_signals()


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    if sys.platform == "win32":
        return None
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.new_event_loop
