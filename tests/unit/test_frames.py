"""The bytes of a stream: only stored facts carry an id, and every envelope is the schema's."""

from typing import Any

import msgspec
import pytest
from msgspec import UNSET

from tasktracker_schema.events import Gap, GapData, StatusChange, TrackEvent
from tasktracker_server.core import frames
from tasktracker_server.core.changes import Change
from tasktracker_server.core.entries import Entry

TIME = "2026-01-31T12:00:00.007Z"
ENTRY = Entry(6, 1_769_860_800_007, 1, b'{"percent":42}')


def fields(frame: bytes) -> dict[str, str]:
    assert frame.endswith(b"\n\n")
    return dict(line.split(": ", 1) for line in frame.decode().strip("\n").split("\n"))


def event(frame: bytes) -> Any:
    return msgspec.json.decode(fields(frame)["data"], type=TrackEvent)


def final(status: str) -> bytes:
    return frames.final_envelope(
        "enc-1", status, result={"url": "a"}, error={"code": "x"}, new_task_id="enc-2", timestamp=TIME
    )


def lifecycle() -> bytes:
    return frames.lifecycle_envelope(Change("enc-1", "video", "in_progress", "claimed", "w1", 2, TIME))


EVERY_FRAME = [
    frames.progress(ENTRY, "enc-1"),
    frames.gap(4, 6, "enc-1", TIME.encode()),
    frames.lifecycle(lifecycle()),
    frames.final(6, "completed", final("completed")),
]


def test_a_stream_opens_with_the_position_it_starts_after_and_dispatches_nothing() -> None:
    assert frames.opening(5) == b"retry: 2000\nid: 5\n\n"


def test_a_sign_of_life_is_a_comment_without_a_blank_line() -> None:
    assert frames.HEARTBEAT == b":\n"


def test_an_entry_is_framed_with_its_number_as_id() -> None:
    assert frames.progress(ENTRY, "enc-1") == (
        b"id: 6\nevent: progress\ndata: "
        b'{"event":"progress","data":{"seqId":6,"percent":42},"taskId":"enc-1",'
        b'"timestamp":"2026-01-31T12:00:00.007Z"}\n\n'
    )


def test_the_final_frame_has_the_last_number_and_the_status_as_id() -> None:
    assert fields(frames.final(6, "completed", b"{}")) == {
        "id": "6.completed", "event": "status_change", "data": "{}",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("status", "told"),
    [
        ("completed", {"result": {"url": "a"}, "error": UNSET, "new_task_id": UNSET}),
        ("failed", {"result": UNSET, "error": {"code": "x"}, "new_task_id": "enc-2"}),
        ("timeout", {"result": UNSET, "error": UNSET, "new_task_id": UNSET}),
    ],
)
def test_the_final_event_tells_the_outcome_and_nothing_else(status: str, told: dict[str, Any]) -> None:
    change = msgspec.json.decode(final(status), type=StatusChange)

    assert change.data.status == status
    assert {name: getattr(change.data, name) for name in told} == told
    assert change.data.final is UNSET


def test_a_change_before_the_end_says_that_it_is_not_final_and_why_it_was_sent() -> None:
    change = event(frames.lifecycle(lifecycle()))

    assert (change.data.final, change.data.reason) == (False, "claimed")
    assert (change.data.worker_id, change.data.attempt, change.data.cancel_requested) == ("w1", 2, False)


def test_a_gap_tells_both_ends_of_what_was_lost() -> None:
    gap = event(frames.gap(4, 6, "enc-1", TIME.encode()))

    assert isinstance(gap, Gap)
    assert gap.data == GapData(4, 6)


@pytest.mark.parametrize("frame", [EVERY_FRAME[1], EVERY_FRAME[2]])
def test_what_is_not_stored_has_no_id(frame: bytes) -> None:
    assert "id" not in fields(frame)


@pytest.mark.parametrize("frame", EVERY_FRAME)
def test_an_unnamed_frame_lacks_the_event_line_and_nothing_else(frame: bytes) -> None:
    named = fields(frame)
    del named["event"]

    assert fields(frames.unnamed(frame)) == named


def test_data_that_look_like_fields_stay_as_they_are_in_an_unnamed_frame() -> None:
    tricky = Entry(1, 0, 1, b'{"text":"event: progress\\ndata: x\\n\\nid: 9"}')
    frame = frames.progress(tricky, "enc-1")

    assert fields(frames.unnamed(frame))["data"] == fields(frame)["data"]
