"""How a stream is followed, step by step: no sockets, no clocks."""

import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from tasktracker_client import (
    ConnectionFailed,
    Gap,
    Lifecycle,
    Progress,
    ProtocolError,
    Ready,
    Retries,
    StatusChange,
    TaskNotFound,
    TrackInterrupted,
    WaitTimeout,
)
from tasktracker_client._calling.calls import Call, Sleep
from tasktracker_client._calling.patience import GIVE_UP_SECONDS, Interrupted
from tasktracker_client._events import read_event
from tasktracker_client._following.tracking import (
    STREAM_AGAIN_SECONDS,
    Cursor,
    Emit,
    Frame,
    OpenStream,
    ReadFrame,
    TrackOptions,
    follow,
)
from tasktracker_client._following.watching import watch

AT = "2030-01-01T00:00:00.000Z"
STREAM = httpx.Response(200, headers={"Content-Type": "text/event-stream; charset=utf-8"})
CUT = httpx.ReadError("cut")
SILENCE = httpx.ReadTimeout("silence")
RETRIES = Retries(attempts=3, first_seconds=1.0, longest_seconds=8.0)


def frame(kind: str, data: dict[str, Any], frame_id: str = "") -> Frame:
    return Frame(frame_id, json.dumps({"event": kind, "data": data, "taskId": "a", "timestamp": AT}))


def entry(number: int) -> Frame:
    return frame("progress", {"seqId": number, "n": number}, str(number))


def page(*numbers: int, final: bool = False, **fields: Any) -> httpx.Response:
    entries = [{"seqId": n, "timestamp": AT, "data": {"seqId": n}} for n in numbers]
    last = max(numbers, default=0)
    told = {"taskId": "a", "entries": entries, "lastSeqId": last, "status": "in_progress", "final": final}
    return httpx.Response(200, json=told | fields)


END = frame("status_change", {"status": "completed", "result": 1}, "9.completed")
TASK = httpx.Response(
    200,
    json={
        "id": "a",
        "taskType": "t",
        "status": "completed",
        "metadata": None,
        "params": None,
        "result": 1,
        "error": None,
        "timeoutSeconds": 60,
        "workerId": "w",
        "originalTaskId": None,
        "retryCount": 0,
        "createdAt": AT,
        "updatedAt": AT,
        "startedAt": AT,
        "completedAt": AT,
        "timeoutAt": AT,
        "attempt": 1,
        "maxAttempts": None,
        "priority": 0,
        "runAt": None,
        "leaseExpiresAt": None,
        "maxRetries": 0,
        "cancelRequestedAt": None,
        "newTaskId": None,
        "lastSeqId": 1,
        "lastProgress": None,
    },
)


class Driver:
    """Takes the steps; time passes only in pauses, and where an answer says how long it took."""

    def __init__(self, make: Callable[[Callable[[], float]], Any]) -> None:
        self.now = 0.0
        self.events: list[Any] = []
        self.asked: list[str] = []
        self.pauses: list[float] = []
        self._on_bytes: Callable[[], None] = lambda: None
        self._steps = make(lambda: self.now)

    def run(self, *answers: Any) -> "Driver":
        """Answer what is asked until the answers are used up, or the flow has ended."""
        left, told = list(answers), None
        while True:
            try:
                step = self._steps.send(told)
            except StopIteration:
                assert left == [], f"ended before {left}"
                return self
            told = None
            match step:
                case Emit(event=event):
                    self.events.append(event)
                    if not left:
                        return self
                case Sleep(seconds=seconds):
                    self.pauses.append(seconds)
                    self.now += seconds
                case OpenStream() | ReadFrame() | Call():
                    if not left:
                        return self
                    told = self._asked(step, left.pop(0))

    def _asked(self, step: Any, answer: Any) -> Any:
        if isinstance(answer, tuple):
            seconds, answer = answer
            self.now += seconds
        if isinstance(step, OpenStream):
            self._on_bytes = step.on_bytes
        if not isinstance(step, ReadFrame):
            self.asked.append(step.path)
        elif isinstance(answer, Frame):
            self._on_bytes()
        return answer

    @property
    def numbers(self) -> list[int]:
        return [event.seq_id for event in self.events if isinstance(event, Progress)]


def following(**options: Any) -> Driver:
    return Driver(lambda now: follow("a", TrackOptions(**options), RETRIES, now))


def test_a_stream_to_its_end() -> None:
    driver = following().run(STREAM, Frame("0", ""), entry(1), entry(2), END)

    assert driver.numbers == [1, 2]
    assert [type(event) for event in driver.events] == [Progress, Progress, StatusChange]
    assert driver.asked == ["/api/v1/tasks/a/track?afterSeqId=0&heartbeatSeconds=2"]


@pytest.mark.parametrize("cut", [CUT, None, httpx.RemoteProtocolError("cut"), Interrupted()])
def test_a_cut_is_passed_over_and_nothing_told_twice(cut: Any) -> None:
    driver = following().run(STREAM, entry(1), entry(2), cut, STREAM, entry(2), entry(3), END)

    assert driver.numbers == [1, 2, 3]
    assert driver.asked[1].startswith("/api/v1/tasks/a/track?afterSeqId=2&")


def test_an_end_that_was_told_is_the_end_whatever_comes_after() -> None:
    assert len(following().run(STREAM, END).events) == 1


def test_a_stream_the_service_ended_is_opened_soon_and_one_that_ends_always_ever_later() -> None:
    driver = following().run(*[STREAM, Frame("0", ""), None] * 8)

    assert driver.pauses[0] <= 0.25
    assert all(4.0 <= pause <= 8.0 for pause in driver.pauses[5:])
    lively = following().run(*[each for n in range(1, 9) for each in (STREAM, entry(n), None)])
    assert max(lively.pauses) <= 0.25


def test_a_connection_that_lived_for_a_while_was_a_good_one() -> None:
    driver = following().run(*[STREAM, (30.0, Frame("0", "")), CUT] * 8)

    assert max(driver.pauses) <= 1.0


def test_a_service_that_was_never_there_is_given_up_after_so_many_tries() -> None:
    refused = httpx.ConnectError("refused")
    driver = following()
    with pytest.raises(ConnectionFailed, match="refused") as failed:
        driver.run(*[refused] * 3)
    assert failed.value.__cause__ is refused
    assert len(driver.pauses) == 2


def test_one_that_was_there_is_waited_for_for_minutes() -> None:
    driver = following(after_seq_id=4)
    with pytest.raises(TrackInterrupted) as lost:
        driver.run(STREAM, entry(5), *[httpx.ConnectError("refused")] * 1_000)

    assert lost.value.after_seq_id == 5
    assert GIVE_UP_SECONDS < driver.now < GIVE_UP_SECONDS + 10


def test_a_refusal_is_not_waited_out() -> None:
    refused = httpx.Response(404, json={"code": "task_not_found", "message": "no"})
    with pytest.raises(TaskNotFound):
        following().run(refused)
    with pytest.raises(TaskNotFound):
        following().run(STREAM, entry(1), CUT, refused)


def test_a_pause_asked_for_is_kept() -> None:
    busy = httpx.Response(503, json={"code": "overloaded", "message": "no"}, headers={"Retry-After": "9"})
    assert following().run(busy, STREAM, END).pauses == [9.0]


@pytest.mark.parametrize("answers", [[CUT] * 9, [STREAM, *[(0.4, Frame("0", ""))] * 9], [SILENCE] * 9])
def test_the_time_given_ends_it_whatever_is_the_matter(answers: list[Any]) -> None:
    driver = following(timeout=2.0)
    with pytest.raises(WaitTimeout, match="task a has not ended"):
        driver.run(*[(0.5, one) if not isinstance(one, tuple) else one for one in answers])
    assert driver.now <= 2.5


def test_silence_is_passed_over_by_pages() -> None:
    driver = following().run(
        STREAM, entry(1), SILENCE, page(2, 3), page(), page(4, status="completed", final=True), TASK
    )

    assert driver.numbers == [1, 2, 3, 4]
    assert isinstance(driver.events[-1], StatusChange)
    assert driver.events[-1].result == 1
    waits = [path.partition("waitSeconds=")[2] for path in driver.asked[1:-1]]
    assert waits == ["0", "20", "20"]
    assert driver.asked[-1] == "/api/v1/tasks/a?progress=false"


def test_after_a_time_of_pages_the_stream_is_tried_again_and_later_each_time() -> None:
    driver = following().run(
        SILENCE, page(1), (STREAM_AGAIN_SECONDS, page(2)), SILENCE, page(3), (STREAM_AGAIN_SECONDS, page(4)),
        (STREAM_AGAIN_SECONDS, page(5)), STREAM, entry(5), entry(6), END,
    )  # fmt: skip

    assert driver.numbers == [1, 2, 3, 4, 5, 6]
    assert sum("/track" in path for path in driver.asked) == 3


def test_a_page_that_is_lost_is_read_again() -> None:
    html = httpx.Response(200, content=b"<html>")
    lost = [CUT, SILENCE, html, httpx.Response(502)]
    driver = following().run(STREAM, entry(1), SILENCE, *lost, page(2, final=True), *lost, TASK)

    assert driver.numbers == [1, 2]
    assert len(driver.pauses) == 8


def test_a_page_tells_gaps_among_its_entries() -> None:
    gap = {"fromSeqId": 2, "toSeqId": 4}
    driver = following().run(STREAM, entry(1), SILENCE, page(5, 6, gaps=[gap]), page(5, 6, gaps=[gap]))

    assert [type(event) for event in driver.events] == [Progress, Gap, Progress, Progress]
    assert driver.numbers == [1, 5, 6]


def test_history_that_is_skipped_is_skipped_by_pages_too() -> None:
    driver = following(ignore_history=True).run(SILENCE, page(lastSeqId=7), page(8))

    assert driver.numbers == [8]
    assert "ignoreHistory=true" in driver.asked[0]
    assert "afterSeqId" not in driver.asked[0]
    assert "afterSeqId=7&" in driver.asked[2]


def test_history_that_is_skipped_stays_so_after_a_cut_and_what_came_meanwhile_does_not() -> None:
    driver = following(ignore_history=True).run(CUT, STREAM, Frame("7", ""), CUT, STREAM, entry(8))

    assert driver.numbers == [8]
    assert ["ignoreHistory=true" in path for path in driver.asked] == [True, True, False]
    assert "afterSeqId=7&" in driver.asked[2]


def test_pages_tell_each_state_once_where_states_are_wanted() -> None:
    driver = following(lifecycle=True).run(SILENCE, page(), page(), page(status="pending"), page(1))

    states = [event.status for event in driver.events if isinstance(event, Lifecycle)]
    assert states == ["in_progress", "pending", "in_progress"]
    assert "lifecycle=true" in driver.asked[0]


def test_somebody_else_is_given_up_as_such_and_waited_out_where_the_service_was_there() -> None:
    html = httpx.Response(200, headers={"Content-Type": "text/html"}, content=b"<html>")
    with pytest.raises(ProtocolError, match="text/html"):
        following().run(*[html] * 3)
    assert following().run(STREAM, entry(1), CUT, *[html] * 9, STREAM, entry(2)).numbers == [1, 2]


def test_an_event_that_cannot_be_read_is_not_asked_for_again() -> None:
    with pytest.raises(ProtocolError, match="no event"):
        following().run(STREAM, entry(1), Frame("2", "{}"))


def test_a_step_that_was_broken_off_is_no_failure() -> None:
    driver = following().run(*[Interrupted()] * 20)

    assert set(driver.pauses) == {0.0}


def test_many_tasks_begin_anew_after_each_cut() -> None:
    ready = Frame("", '{"event":"ready","data":{"taskIds":["a"],"taskTypes":[],"progress":false}}')
    driver = Driver(lambda now: watch("/events", None, RETRIES, now))
    driver.run(STREAM, ready, entry(1), CUT, STREAM, ready, None, STREAM, ready, entry(1))

    assert [type(event) for event in driver.events] == [Ready, Progress, Ready, Ready, Progress]


def test_a_stream_of_many_that_ends_as_soon_as_it_opens_is_opened_ever_later() -> None:
    driver = Driver(lambda now: watch("/events", None, RETRIES, now))
    driver.run(*[STREAM, Frame("", ""), None] * 8)

    assert all(4.0 <= pause <= 8.0 for pause in driver.pauses[5:])


def test_a_cursor_tells_what_is_news() -> None:
    cursor = Cursor(TrackOptions(after_seq_id=2))
    told = [read_event(one.data) for one in (entry(1), entry(2), entry(3), entry(3), entry(2), entry(4))]

    assert [cursor.accept(event) for event in told if isinstance(event, Progress)] == [
        False,
        False,
        True,
        False,
        False,
        True,
    ]
    assert cursor.after == 4
    cursor.place("99")
    assert cursor.after == 4


def test_events_of_every_kind_are_read() -> None:
    released = {"status": "pending", "final": False, "reason": "released"}
    assert read_event(frame("status_change", released).data) == Lifecycle(
        "pending", "released", None, None, False, "a", _at()
    )
    assert read_event(frame("gap", {"fromSeqId": 1, "toSeqId": 2}).data) == Gap(1, 2, "a", _at())
    assert read_event(entry(3).data) == Progress(3, {"n": 3}, "a", _at())
    assert read_event('{"event":"estimate","data":7}') is None
    assert read_event(frame("status_change", {"status": "timeout"}).data) == StatusChange(
        "timeout", None, None, None, "a", _at()
    )


def _at() -> Any:
    event = read_event(entry(1).data)
    assert isinstance(event, Progress)
    return event.timestamp


@pytest.mark.parametrize(
    "data",
    [
        "",
        "{",
        "[]",
        "7",
        '{"event":7}',
        '{"event":"progress"}',
        frame("progress", {}).data,
        frame("gap", {}).data,
    ],
)
def test_what_is_no_event_is_told_as_such(data: str) -> None:
    with pytest.raises(ProtocolError, match="is no event"):
        read_event(data)
