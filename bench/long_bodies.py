"""The longest turn of the event loop that reading the largest allowed bodies takes, and the whole of it.

``python -m bench.long_bodies``. In one process, without stores: only what the HTTP layer does before a call
reaches the services. A turn is measured from outside, by a task that wants to run all the time.
"""

import asyncio
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import NamedTuple

import click
from rich.console import Console
from rich.table import Table

from tasktracker_schema import limits
from tasktracker_server.core.errors import TrackerError
from tasktracker_server.core.steps import Steps
from tasktracker_server.http.acting import read_items
from tasktracker_server.http.acts import ACTS, Act
from tasktracker_server.http.options import HttpOptions
from tasktracker_server.http.turns import Turns

_OPTIONS = HttpOptions()
_ROOM = 16_000
"""Bytes of each of a thousand parts of a body of sixteen mebibytes."""


def _many(one: bytes, room: int) -> bytes:
    return b"[%b]" % b",".join([one] * (room // (len(one) + 1)))


def _distinct(room: int) -> bytes:
    return b"[%b]" % b",".join(b"%de10%d" % (1_000_000 + n, n % 10) for n in range(room // 13))


class Value(NamedTuple):
    """A kind of value, made to a size."""

    name: str
    one: bytes


VALUES = (
    Value("numbers", b"1"),
    Value("three-digit exponents", b"1e300"),
    Value("strings", b'"x"'),
    Value("empty arrays", b"[]"),
    Value("arrays in arrays", b"[[[[[1]]]]]"),
    Value("90 levels", b"[" * 90 + b"]" * 90),
    Value("objects", b'{"a":1}'),
    Value("escapes", rb'"\u00e9\ud83d\ude00"'),
    Value("letters of three bytes", '"語語"'.encode()),
)


def _bodies() -> Iterator[tuple[str, Act, bool, bytes]]:
    act_of = {act.route.name: act for act in ACTS}
    complete, progress = act_of["complete"], act_of["progress"]
    room = limits.BODY_BYTES - 100
    for value in (*VALUES, Value("distinct exponents", b"")):
        result = _many(value.one, room) if value.one else _distinct(room)
        part = _many(value.one, _ROOM - 100) if value.one else _distinct(_ROOM - 100)
        items = b",".join([b'{"taskId":"a","result":%b}' % part] * 1000)
        entries = b",".join([b'{"a":%b}' % part] * 1000)
        yield f"complete, {value.name}", complete, False, b'{"result":%b}' % result
        yield f"bulk complete, {value.name}", complete, True, b'{"items":[%b]}' % items
        yield f"progress, {value.name}", progress, False, b'{"progress":[%b]}' % entries
    lone = b'{"result":[%b"\\ud800"]}' % (b'"x",' * (room // 4))
    yield "complete, half a pair at the end", complete, False, lone


def _steps(act: Act, body: bytes, *, is_bulk: bool) -> Steps[object]:
    if is_bulk:
        return (yield from read_items(act, body, _OPTIONS))
    return (yield from act.read(body, _OPTIONS))


async def _measure(act: Act, body: bytes, *, is_bulk: bool) -> tuple[float, float]:
    """Seconds of the longest turn, and of all together."""
    longest = 0.0
    began = last = time.perf_counter()
    reading = asyncio.create_task(Turns().run(_steps(act, body, is_bulk=is_bulk)))
    while not reading.done():
        await asyncio.sleep(0)
        now = time.perf_counter()
        longest, last = max(longest, now - last), now
    with suppress(TrackerError):
        await reading
    return longest, last - began


@click.command()
@click.option("--rounds", type=click.IntRange(1), default=3, show_default=True, help="The best counts.")
def main(rounds: int) -> None:
    """Print both for each body."""
    table = Table("body", "MiB", "longest turn", "whole", box=None)
    for name, act, is_bulk, body in _bodies():
        measured = [asyncio.run(_measure(act, body, is_bulk=is_bulk)) for _ in range(rounds)]
        longest, whole = (1000 * min(each) for each in zip(*measured, strict=True))
        table.add_row(name, f"{len(body) / 2**20:.1f}", f"{longest:.0f} ms", f"{whole:.0f} ms")
    Console(highlight=False).print(table)


if __name__ == "__main__":
    sys.exit(main())
