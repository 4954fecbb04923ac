"""The bytes of an event stream."""

from __future__ import annotations

import json

from .driver import Driver, Held
from .sse import Frame


def lines(frame: Frame) -> list[str]:
    return frame.raw.decode().split("\n")


def test_a_stream_has_the_headers_of_one(held: Held) -> None:
    with held.track() as stream:
        assert stream.status == 200
        assert stream.headers["content-type"].startswith("text/event-stream")
        directives = {part.strip() for part in stream.headers["cache-control"].split(",")}
        assert directives == {"no-cache", "no-transform"}
        assert stream.headers["x-accel-buffering"] == "no"
        assert stream.headers["x-request-id"]


def test_a_stream_opens_with_its_retry_time_and_position(held: Held) -> None:
    with held.track() as stream:
        assert stream.next().raw == b"retry: 2000\nid: 0\n\n"


def test_the_opening_tells_the_position_asked_for(held: Held) -> None:
    held.append(3)

    with held.track("?afterSeqId=2") as stream:
        assert stream.next().raw == b"retry: 2000\nid: 2\n\n"


def test_the_opening_tells_the_position_of_a_reconnect(held: Held) -> None:
    held.append(3)

    with held.track(last_event_id="2") as stream:
        assert stream.next().raw == b"retry: 2000\nid: 2\n\n"


def test_the_opening_of_a_stream_without_history_stands_after_it(held: Held) -> None:
    held.append(3)

    with held.track("?ignoreHistory=true") as stream:
        assert stream.next().raw == b"retry: 2000\nid: 3\n\n"


def test_the_stream_of_a_finished_task_opens_the_same_way(held: Held) -> None:
    held.append(2)
    held.complete()

    with held.track("?afterSeqId=1") as stream:
        assert stream.next().raw == b"retry: 2000\nid: 1\n\n"


def test_a_progress_event_is_three_lines(held: Held) -> None:
    answer = held.progress({"percent": 42}).json()

    with held.track() as stream:
        frame = stream.take(1)[0]

    assert lines(frame)[:2] == ["id: 1", "event: progress"]
    assert lines(frame)[2].startswith("data: {")
    assert lines(frame)[3:] == ["", ""]
    assert frame.envelope == {
        "event": "progress",
        "data": {"seqId": 1, "percent": 42},
        "taskId": held.task_id,
        "timestamp": answer["timestamp"],
    }


def final_of(held: Held) -> Frame:
    with held.track() as stream:
        return stream.rest()[-1]


def test_the_final_event_is_three_lines(held: Held) -> None:
    held.append(2)
    held.complete(result={"frames": 3})

    frame = final_of(held)

    assert lines(frame)[:2] == ["id: 2.completed", "event: status_change"]
    assert lines(frame)[2].startswith("data: {")
    assert lines(frame)[3:] == ["", ""]
    assert set(frame.envelope) == {"event", "data", "taskId", "timestamp"}
    assert (frame.envelope["event"], frame.envelope["taskId"]) == ("status_change", held.task_id)
    assert frame.data == {"status": "completed", "result": {"frames": 3}}


def test_the_final_event_of_a_completion_without_result_says_null(held: Held) -> None:
    held.complete()

    frame = final_of(held)

    assert frame.id == "0.completed"
    assert frame.data == {"status": "completed", "result": None}


def test_the_final_event_of_a_failure_tells_the_error(held: Held) -> None:
    held.append(1)
    held.fail(error={"code": "disk_full"})

    frame = final_of(held)

    assert frame.id == "1.failed"
    assert frame.data == {"status": "failed", "error": {"code": "disk_full"}, "newTaskId": None}


def test_the_final_event_of_a_failure_names_the_retry(driver: Driver, task_type: str) -> None:
    held = driver.held(task_type, "w", maxRetries=1)
    new_id = held.fail(error="x").json()["newTaskId"]

    assert final_of(held).data == {"status": "failed", "error": "x", "newTaskId": new_id}


def test_the_final_event_of_a_timeout_tells_no_more(held: Held) -> None:
    held.append(1)
    held.driver.timeout(held.task_id)

    frame = final_of(held)

    assert frame.id == "1.timeout"
    assert frame.data == {"status": "timeout"}


def test_without_names_there_are_no_event_lines(held: Held) -> None:
    held.append(2)
    held.complete()

    with held.track("?named=false") as stream:
        frames = stream.rest()

    assert [frame.names for frame in frames] == [["id", "data"]] * 3
    assert [frame.envelope["event"] for frame in frames] == ["progress", "progress", "status_change"]


def test_live_events_have_no_event_lines_either_without_names(held: Held) -> None:
    with held.track("?named=false") as stream:
        stream.opening()
        held.append(1)
        held.complete()

        assert [frame.names for frame in stream.rest()] == [["id", "data"]] * 2


def test_names_are_there_unless_told_otherwise(held: Held) -> None:
    held.append(1)
    held.complete()

    with held.track("?named=true") as named, held.track() as plain:
        frames = named.rest()
        assert [frame.names for frame in frames] == [["id", "event", "data"]] * 2
        assert [frame.raw for frame in plain.rest()] == [frame.raw for frame in frames]


def test_line_breaks_in_values_stay_within_one_data_line(held: Held) -> None:
    entry = {"log": "a\nb\r\nc\rd\u2028e\u0085f", "id: 9\n\n": "\n\nevent: x\n"}
    held.progress(entry)

    with held.track() as stream:
        frame = stream.take(1)[0]

    assert frame.names == ["id", "event", "data"]
    assert b"\r" not in frame.raw
    assert frame.data == {"seqId": 1, **entry}


def test_text_outside_ascii_arrives(held: Held) -> None:
    held.progress({"log": "naïve 動画 😀"})
    held.complete(result="動画")

    with held.track() as stream:
        frames = stream.rest()

    assert frames[0].data["log"] == "naïve 動画 😀"
    assert json.dumps(frames[1].data["result"]) == json.dumps("動画")
