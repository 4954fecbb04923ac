"""Signal handlers for as long as a block runs, and only in the process that runs it."""

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)
_borrowed: Final[list[Callable[[], None]]] = []
"""How each block that is open gives its signals back."""


def in_main_thread() -> bool:
    """Whether this is where signals arrive, and the only place where they can be handled."""
    return threading.current_thread() is threading.main_thread()


def own_signals() -> tuple[signal.Signals, ...]:
    """Those a pool is ended by; none outside the main thread."""
    return SIGNALS if in_main_thread() else ()


@contextmanager
def borrowed(signals: tuple[signal.Signals, ...], *, is_loop: bool = False) -> Iterator[None]:
    """Put the handlers of these signals back at the end, and in each process that a job forks off.

    A child would do with its signals what its parent does: end a pool that it has not, or nothing. With
    ``is_loop`` an event loop handles them, which wakes by a socket that a child shares.
    """
    before = {each: signal.getsignal(each) for each in signals}

    def give_back() -> None:
        if is_loop and signals:
            signal.set_wakeup_fd(-1)
        _put_back(before)

    _borrowed.append(give_back)
    try:
        yield
    finally:
        _put_back(before)
        if give_back in _borrowed:  # not so in a child
            _borrowed.remove(give_back)


def _put_back(before: dict[signal.Signals, Any]) -> None:
    """Have each signal handled as before; ``None`` is what was not set by Python."""
    for each, handler in before.items():
        signal.signal(each, signal.SIG_DFL if handler is None else handler)


def _give_all_back() -> None:
    for give_back in reversed(_borrowed):
        give_back()
    _borrowed.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_give_all_back)
