"""Comments that keep a silent stream open."""

from __future__ import annotations

import time

import pytest

from .driver import Held
from .rawhttp import DEADLINE

COMMENT = b":\n"


def test_a_comment_comes_at_once(held: Held) -> None:
    with held.track("?heartbeatSeconds=60") as stream:
        assert stream.comment(seconds=2).raw == COMMENT


@pytest.mark.slow
def test_a_comment_follows_each_silence_of_heartbeat_seconds(held: Held) -> None:
    with held.track("?heartbeatSeconds=1") as stream:
        first, second, third = (stream.comment() for _ in range(3))

    assert [first.raw, second.raw, third.raw] == [COMMENT] * 3
    for gap in (second.arrived - first.arrived, third.arrived - second.arrived):
        assert 0.7 < gap < 2


@pytest.mark.slow
def test_a_comment_is_one_line_and_no_blank_line_follows(held: Held) -> None:
    deadline = time.monotonic() + DEADLINE
    with held.track("?heartbeatSeconds=1") as stream:
        sent = [stream.line(deadline) for _ in range(6)]

    opening = [line for line in sent if line != COMMENT]
    assert opening == [b"retry: 2000\n", b"id: 0\n", b"\n"]
    assert sent[-2:] == [COMMENT] * 2


@pytest.mark.slow
def test_events_still_arrive_between_comments(held: Held) -> None:
    with held.track("?heartbeatSeconds=1") as stream:
        stream.opening()
        stream.comment()
        stream.comment()
        held.append(1)
        frame = stream.take(1)[0]
        stream.comment()
        held.complete()

        assert frame.id == "1"
        assert [frame.id for frame in stream.rest()] == ["1.completed"]


def test_a_stream_is_silent_before_its_heartbeat_is_due(held: Held) -> None:
    with held.track("?heartbeatSeconds=60") as stream:
        stream.comment(seconds=2)
        held.append(3)
        held.complete()
        stream.rest()

        assert len(stream.comments) == 1
