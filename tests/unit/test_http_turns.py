"""Large bodies are read in many short turns, between which others are answered."""

import asyncio
import time
from collections.abc import Callable, Iterator

import pytest

from tasktracker_schema import limits, requests
from tasktracker_schema.routes import BASE_PATH as BASE
from tasktracker_server.core import opaque, spans
from tasktracker_server.core.errors import TrackerError
from tasktracker_server.core.steps import Steps, done
from tasktracker_server.http.bodies import BodyReader
from tasktracker_server.http.turns import Turns
from unit.http_serving import Serving, serving

PIECE = 64 * 1024
"""Bytes for which one step of reading closely may do its work."""

complete = BodyReader(requests.CompleteTask, result=opaque.json_or_none).in_steps
progress = BodyReader(requests.ReportProgress, array="progress").in_steps
bulk = BodyReader(requests.BulkItems, array="items").in_steps


def steps_of(steps: Steps[object]) -> int:
    taken = 0
    try:
        for _ in steps:
            taken += 1
    except TrackerError:
        pass
    return taken


def filled(one: bytes, room: int) -> bytes:
    return b"[%b]" % b",".join([one] * (room // (len(one) + 1)))


@pytest.mark.parametrize(
    "body",
    [
        b'{"result":%b}' % filled(b"1e300", limits.BODY_BYTES),
        b'{"result":[1e300,%b]}' % filled(b'""', limits.BODY_BYTES),
        b'{"result":%b}' % filled(b"[]", limits.BODY_BYTES),
        b'{"result":["\\ud800",%b]}' % filled(b'"x"', limits.BODY_BYTES),
    ],
    ids=["exponents", "an exponent and strings", "arrays", "half a pair"],
)
def test_what_has_to_be_read_closely_is_read_a_piece_at_a_time(body: bytes) -> None:
    least = 1 if b"ud800" in body else limits.BODY_BYTES // PIECE

    assert steps_of(complete(body)) >= least


@pytest.mark.parametrize("one", [b"1", b'"x"', b"[]", b'{"a":[1]}'])
@pytest.mark.parametrize(
    ("read", "body"),
    [(bulk, b'{"items":[%b]}'), (progress, b'{"progress":[%b]}'), (bulk, b'{"items":[1],"x":[%b]}')],
    ids=["bulk", "progress", "a field that is ignored"],
)
def test_a_large_body_is_cut_before_it_is_decoded(
    read: Callable[[bytes], Steps[object]], body: bytes, one: bytes
) -> None:
    part = b'{"a":%b}' % filled(one, 16_000)

    assert steps_of(read(body % b",".join([part] * 900))) >= 900


def test_no_more_than_a_mebibyte_is_decoded_in_one_go(monkeypatch: pytest.MonkeyPatch) -> None:
    decoded: list[int] = []
    reader = BodyReader(requests.BulkItems, array="items")
    read = reader._decode

    def decode(text: bytes) -> requests.BulkItems:
        decoded.append(len(text))
        return read(text)

    monkeypatch.setattr(reader, "_decode", decode)

    done(reader.in_steps(b'{"items":[%b]}' % b",".join([b'"%b"' % (b"x" * 16_000)] * 1000)))

    assert max(decoded) <= spans.LARGE


def test_turns_are_given_up_between_steps_and_shared_by_what_runs_at_once() -> None:
    def slow(seconds: float) -> Steps[str]:
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            yield
        return "done"

    async def run(count: int) -> tuple[list[str], int]:
        turns = Turns()
        results = await asyncio.gather(*(turns.run(slow(0.2)) for _ in range(count)))
        return results, turns.taken

    assert asyncio.run(run(1))[0] == ["done"]
    assert asyncio.run(run(1))[1] >= 3
    assert asyncio.run(run(4))[1] >= 6


@pytest.fixture(scope="module")
def served() -> Iterator[Serving]:
    with serving() as running:
        yield running


@pytest.mark.parametrize(
    ("path", "body"),
    [
        (f"{BASE}/x/progress", b'{"progress":[%b]}'),
        (f"{BASE}/bulk/progress", b'{"items":[{"taskId":"x","progress":[%b]}]}'),
        (f"{BASE}/bulk/complete", b'{"items":[{"taskId":"x"},%b]}'),
    ],
)
def test_others_are_answered_while_a_large_body_is_read(served: Serving, path: str, body: bytes) -> None:
    large, small = served.connect(), served.connect()
    entry = b'{"taskId":"x","result":%b}' % filled(b"1e300", 16_000)
    before = served.server._front.turns.taken

    large.request("POST", path, body % b",".join([entry] * 250))
    while served.server._front.turns.taken == before:
        assert small.exchange("GET", "/healthz").status_code == 200
    answer = large.answer()

    assert answer.status_code == 200, answer.text
    assert served.server._front.turns.taken - before >= 5
