"""A claimed task between its job, the sender and the heartbeats; and the flow that ends it."""

from __future__ import annotations

import ctypes
import threading
import time
from contextlib import suppress
from typing import Any

import httpx
import msgspec
import pytest

from tasktracker_client import CancelRequested, ConnectionFailed, LeaseLost, TooLarge, Unauthorized
from tasktracker_client._calling.calls import Call, Repeat, Sleep, error_from
from tasktracker_client._refs import Hold
from tasktracker_client._working.claiming import Claims
from tasktracker_client._working.held import Held, JobEnded
from tasktracker_client._working.keeping import beat, end, give_back, release, send
from tasktracker_schema.answers import Task

OK = {"taskId": "t", "status": "pending", "message": "", "seqId": 1, "timestamp": "2026-01-01T00:00:00.000Z"}


def held(**options: Any) -> Held:
    return Held(Hold("t", "w", 1), 5, **options)


def error(status: int, code: str, **details: Any) -> httpx.Response:
    body = {"statusCode": status, "error": "", "code": code, "message": "said", "details": details}
    return httpx.Response(status, json=body)


def progress_ok(count: int) -> httpx.Response:
    return httpx.Response(200, json={**OK, "firstSeqId": 1, "seqId": count, "cancelRequested": False})


def completing() -> Call[Any]:
    return Call("POST", "/t/complete", msgspec.json.decode, Repeat.SAME, b"{}")


def calls_of(flow: Any, answers: list[Any]) -> tuple[list[str], Any]:
    """Drive a flow with these answers, without waiting; the last words of its calls, and what came of it."""
    words: list[str] = []
    answer = None
    try:
        while True:
            step = flow.send(answer)
            answer = None
            if isinstance(step, Call):
                words.append(step.path.rpartition("/")[2])
                answer = answers.pop(0)
    except StopIteration as stop:
        return words, stop.value


def test_a_lease_that_ran_out_unasked_needs_a_word() -> None:
    job = held(lease_until=time.monotonic() - 1)
    assert job.needs_a_word
    job.unheard(time.monotonic())
    assert not job.needs_a_word, "asked since, in vain: the service is away"
    job.unheard(job.lease_until - 0.1)
    assert job.needs_a_word, "asked before it ran out, then stopped with the question under way"
    job.unheard(time.monotonic() - 6)
    assert job.needs_a_word, "asked in an outage, then stopped for longer than a lease"
    job.renewed(time.monotonic())
    assert not job.needs_a_word
    job.lost("gone")
    assert not held().needs_a_word
    assert not job.needs_a_word


def test_what_a_job_hears_comes_in_the_order_of_its_weight() -> None:
    job = held(is_cancelled=True)
    with pytest.raises(CancelRequested):
        job.check()
    job.put(b"{}")
    batch = job.outbox.batch(time.monotonic())
    assert batch is not None
    refusal = error_from(error(413, "too_large"))
    job.refused(batch, refusal)
    assert job.untold is refusal
    with pytest.raises(TooLarge):
        job.check()
    assert job.untold is None, "told once"
    job.ended(None)
    with pytest.raises(JobEnded):
        job.check()
    job.lost("gone")
    with pytest.raises(LeaseLost, match="gone"):
        job.put(b"{}")


def test_the_sender_is_woken_for_what_is_due_earlier_than_it_knew() -> None:
    job = held(latest_seconds=60)
    assert job.put_latest(b'{"a":1}')
    batch = job.outbox.batch(time.monotonic())
    assert batch is not None
    job.acknowledged(batch, time.monotonic())
    assert job.put_latest(b'{"a":2}')
    assert job.put(b'{"b":1}'), "the latest would have slept for a minute"
    assert not job.put(b'{"b":2}')


def test_one_sends_at_a_time_and_gives_back_only_its_own_turn() -> None:
    job = held()
    job.put(b"{}")
    me, other = object(), object()
    assert job.begin_sending(me)
    assert not job.begin_sending(other)
    assert job.sender_at() is None
    job.end_sending(other)
    assert not job.begin_sending(other)
    job.end_sending(me)
    assert job.begin_sending(other)


def test_an_interrupted_call_gives_the_turn_back() -> None:
    """As soon as the flow is closed: the release that comes next waits for it."""
    job = held()
    flow = release(job, 60)
    assert isinstance(next(flow), Call)
    assert not job.begin_sending(object())
    flow.close()
    words, _ = calls_of(release(job, 60), [httpx.Response(200, json=OK)])
    assert words == ["release"]
    assert job.is_ended


def test_an_end_takes_what_is_left_along() -> None:
    job = held()
    job.put(b'{"a":1}')
    bodies: list[Any] = []

    def complete(last: Any) -> Call[Any]:
        bodies.append(None if last is None else last.numbered())
        return completing()

    words, _ = calls_of(end(job, complete), [httpx.Response(200, json=OK)])
    assert (words, bodies) == (["complete"], [b'[{"seqId":1,"a":1}]'])
    assert job.is_ended
    assert job.outbox.is_empty


@pytest.mark.parametrize("refusal", [(409, "seq_gap"), (413, "history_full"), (413, "too_large"), (400, "x")])
def test_an_end_refused_with_its_entries_goes_without_them(refusal: tuple[int, str]) -> None:
    job = held()
    job.put(b'{"a":1}')
    answers = [error(*refusal, expectedSeqId=1), progress_ok(1), httpx.Response(200, json=OK)]
    words, _ = calls_of(end(job, lambda _: completing()), answers)
    assert words == ["complete", "progress", "complete"]
    assert job.is_ended


def test_an_end_that_crosses_another_one_is_told_so() -> None:
    job = held()
    turn = object()
    job.begin_sending(turn)
    flow = release(job, 60)
    assert isinstance(next(flow), Sleep)
    job.ended(None)
    job.end_sending(turn)
    with pytest.raises(JobEnded):
        flow.send(None)


def test_an_end_is_patient_and_no_longer() -> None:
    away = httpx.ConnectError("refused")
    job = held()
    words, _ = calls_of(end(job, lambda _: completing()), [away] * 20 + [httpx.Response(200, json=OK)])
    assert words == ["complete"] * 21
    job = held()
    with pytest.raises(ConnectionFailed):
        calls_of(release(job, 0), [away])
    assert not job.is_ended
    assert job.begin_sending(object()), "the turn is free"


def test_a_heartbeat_that_crosses_the_end_loses_nothing() -> None:
    job = held()
    job.ended(None)
    outcome = {"statusCode": 409, "error": "", "code": "wrong_status", "message": "", "taskId": "t"}
    calls_of(beat([job]), [httpx.Response(200, json={"results": [outcome], "failedCount": 1})])
    assert not job.is_lost


def test_a_sender_sends_one_batch_at_a_time() -> None:
    """So that a job that reports all the time holds up no other."""
    job = held()
    for number in range(1_500):
        job.put(b'{"n":%d}' % number)
    time.sleep(0.02)
    words, _ = calls_of(send(job), [progress_ok(1_000)])
    assert words == ["progress"]
    assert len(job.outbox) == 500


def test_a_lost_attempt_sends_nothing_more() -> None:
    job = held()
    job.put(b"{}")
    time.sleep(0.02)
    calls_of(send(job), [error(409, "stale_attempt")])
    assert job.is_lost
    assert job.send_at() is None
    assert calls_of(send(job), [])[0] == []


def test_giving_back_goes_on_past_what_is_over() -> None:
    jobs = [held() for _ in range(4)]
    jobs[0].ended(None)
    jobs[1].lost("gone")
    words, _ = calls_of(give_back(jobs), [error(409, "stale_attempt"), httpx.Response(200, json=OK)])
    assert words == ["release", "release"]
    assert [each.is_ended for each in jobs] == [True, False, False, True]


def task() -> httpx.Response:
    moment = "2026-01-01T00:00:00.000Z"
    given: dict[str, Any] = {
        "id": "t",
        "taskType": "a",
        "status": "in_progress",
        "timeoutSeconds": 60,
        "retryCount": 0,
    }
    given |= dict.fromkeys(("createdAt", "updatedAt", "startedAt", "timeoutAt", "runAt"), moment)
    given |= {"attempt": 3, "workerId": "w", "priority": 0, "maxRetries": 3, "lastSeqId": 0}
    every = dict.fromkeys(_fields())
    return httpx.Response(200, json={**every, **given})


def _fields() -> list[str]:
    return [field.encode_name for field in msgspec.structs.fields(Task)]


def named(call: Call[Any]) -> str:
    claim_id: str = msgspec.json.decode(call.body or b"")["claimId"]
    return claim_id


def test_a_claim_keeps_its_name_until_its_task_is_in_good_hands() -> None:
    claims = Claims(("a",), "w", 30)
    flow = claims.claim(5, lambda: False)
    first = next(flow)
    assert isinstance(first, Call)
    assert isinstance(flow.send(httpx.ReadError("cut")), Sleep)
    again = flow.send(None)
    assert isinstance(again, Call)
    assert named(again) == named(first)
    flow.close()  # interrupted
    after = next(claims.claim(5, lambda: False))
    assert isinstance(after, Call)
    assert named(after) == named(first)
    claims.taken()
    other = next(claims.claim(5, lambda: False))
    assert isinstance(other, Call)
    assert named(other) != named(first)


def test_an_interrupted_claim_is_asked_for_and_given_back() -> None:
    claims = Claims(("a",), "w", 30)
    flow = claims.claim(5, lambda: False)
    next(flow)
    flow.close()
    words, _ = calls_of(claims.give_back(), [task(), httpx.Response(200, json=OK)])
    assert words == ["claim", "release"]
    assert calls_of(claims.give_back(), [])[0] == [], "once"


@pytest.mark.parametrize("answer", [httpx.Response(200, content=b"null"), error(401, "unauthorized")])
def test_a_claim_that_was_answered_leaves_nothing_to_give_back(answer: httpx.Response) -> None:
    claims = Claims(("a",), "w", 30)
    with suppress(Unauthorized):
        calls_of(claims.claim(0, lambda: False), [answer])
    assert calls_of(claims.give_back(), [])[0] == []


def test_a_stopped_claim_asks_nobody() -> None:
    assert calls_of(Claims(("a",), "w", 30).claim(5, lambda: True), []) == ([], None)


def test_locks_are_free_after_a_storm_of_interrupts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Exceptions at any line of a job's calls, as an interrupt raises them."""
    job = held()
    over = threading.Event()

    def report() -> None:
        while not over.is_set():
            try:
                while not over.is_set():
                    job.put(b"{}")
                    job.begin_sending(me := object())
                    job.end_sending(me)
            except KeyboardInterrupt:
                job.end_sending(me)

    def reporting() -> threading.Thread:
        thread = threading.Thread(target=report, daemon=True)
        thread.start()
        return thread

    # One that comes between the loops, or amid the clean-up, ends the thread: another one goes on.
    monkeypatch.setattr(threading, "excepthook", lambda _: None)
    thread = reporting()
    for _ in range(300):
        thread = thread if thread.is_alive() else reporting()
        ctypes.pythonapi.PyThreadState_SetAsyncExc(
            ctypes.c_ulong(thread.ident or 0), ctypes.py_object(KeyboardInterrupt)
        )
        time.sleep(0.001)
        assert job.lock.acquire(timeout=5), "an interrupt kept the lock"
        job.lock.release()
    over.set()
    thread.join(5)
