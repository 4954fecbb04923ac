"""Waiting for conditions with a deadline, and doing things at the same moment."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from .rawhttp import DEADLINE

T = TypeVar("T")

_PAUSE = 0.02


def eventually(look: Callable[[], T], holds: Callable[[T], bool], seconds: float = DEADLINE) -> T:
    """Look until it holds; returns what was seen then, and fails with what was seen last."""
    deadline = time.monotonic() + seconds
    while not holds(seen := look()):
        assert time.monotonic() < deadline, f"still not so after {seconds} s: {seen!r}"
        time.sleep(_PAUSE)
    return seen


def at_once(calls: Sequence[Callable[[], T]]) -> list[T]:
    """Make all calls at the same moment, each in a thread of its own; returns their results in order."""
    barrier = threading.Barrier(len(calls))

    def run(call: Callable[[], T]) -> T:
        barrier.wait(DEADLINE)
        return call()

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(run, calls))
