"""Following one task on a network where things go wrong: each entry once and in order, whatever happens."""

import itertools
import random
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest

import tasktracker_client as sdk
from services import Service, cut_bus, lose_keys, wait_for
from tasktracker_client import Gap, Progress, StatusChange, Task, TaskRef, TaskTracker, TrackEvent

from .conftest import QUICK, Connect, Through
from .proxy import Answered, CutAfter, Dropped, Fate, MutedAfter, Rule, Swallowed, always, first
from .test_wait import Later

BUFFERED_SECONDS = 10.0
"""How late an entry may be behind a proxy that holds everything back."""


def numbers(events: list[TrackEvent]) -> list[int]:
    return [each.seq_id for each in events if isinstance(each, Progress)]


def cuts(seed: int, longest: int) -> Rule:
    """Streams cut at random bytes, in their heads, frames and everywhere; each eighth one lives."""
    chance = random.Random(seed)

    def rule(method: str, path: str) -> Fate:
        if "/track" not in path or chance.random() < 0.125:
            return None
        return CutAfter(chance.randrange(1, longest))

    return rule


@pytest.mark.parametrize("seed", range(3))
def test_cuts_at_any_byte_lose_and_repeat_nothing(
    connect: Connect, through: Through, client: TaskTracker, held: Task, seed: int
) -> None:
    client.progress(held, [{"n": n, "text": "ä" * (n % 50)} for n in range(300)])
    client.complete(held, "done")
    proxy = through(cuts(seed, 12_000))
    *entries, end = connect(proxy.url).track(held)

    assert numbers(entries) == list(range(1, 301))
    assert isinstance(end, StatusChange)
    assert end.result == "done"


def test_a_cut_between_entries_is_passed_over(
    connect: Connect, through: Through, client: TaskTracker, held: Task
) -> None:
    proxy = through()
    with connect(proxy.url).track(held) as events:
        for n in range(1, 6):
            client.progress(held, {"n": n})
            event = next(events)
            assert isinstance(event, Progress)
            assert event.seq_id == n
            proxy.cut_all()
        client.complete(held)
        assert [type(each) for each in events] == [StatusChange]
    assert [path.partition("?")[2].partition("&")[0] for _, path in proxy.requests] == [
        f"afterSeqId={n}" for n in range(6)
    ]


def test_a_reader_that_skips_history_misses_nothing_that_comes_during_a_cut(
    connect: Connect, through: Through, client: TaskTracker, held: Task
) -> None:
    proxy = through()
    client.progress(held, [{"n": 1}, {"n": 2}])

    def cut_and_go_on() -> None:
        proxy.wait_for_request("/track")
        proxy.rule = first(2, Answered("503 Service Unavailable"))
        proxy.cut_all()
        with TaskTracker(proxy.target) as other:
            other.progress(held, {"n": 3})
            other.complete(held)

    with Later(cut_and_go_on), connect(proxy.url).track(held, ignore_history=True, lifecycle=True) as events:
        told = list(events)

    assert numbers(told) == [3]


def test_a_stream_that_ends_as_soon_as_it_opens_is_not_opened_all_the_time(
    connect: Connect, through: Through, held: Task
) -> None:
    proxy = through(always(Answered("200 OK", b"id: 0\n\n:\n", "Content-Type: text/event-stream\r\n")))
    client = connect(proxy.url, retries=sdk.Retries())
    with pytest.raises(sdk.WaitTimeout):
        list(client.track(held, timeout=2))
    with pytest.raises(sdk.WaitTimeout):
        list(client.events(tasks=[held], timeout=2))

    assert 2 <= proxy.count("/track") <= 12
    assert 2 <= proxy.count("/events") <= 12


SLOW = pytest.mark.slow


@pytest.mark.parametrize("passed", [pytest.param(0, marks=SLOW), 60, pytest.param(600, marks=SLOW)])
def test_behind_a_proxy_that_holds_streams_back_entries_come_by_pages(
    connect: Connect, through: Through, client: TaskTracker, held: Task, passed: int
) -> None:
    proxy = through(always(MutedAfter(passed), "/track"))
    client.progress(held, {"n": 1})
    told_at: list[float] = []
    came_at: list[float] = []
    with connect(proxy.url).track(held) as events:
        for n in range(2, 5):
            client.progress(held, {"n": n})
            told_at.append(time.monotonic())
        seen: list[TrackEvent] = []
        while numbers(seen) != [1, 2, 3, 4]:
            seen.append(next(events))
            came_at.append(time.monotonic())
        with Later(lambda: _finish(proxy.target, held)):
            rest = list(events)

    assert came_at[-1] - told_at[0] < BUFFERED_SECONDS
    assert numbers(rest) == [5]
    assert isinstance(rest[-1], StatusChange)
    assert rest[-1].result == "done"
    assert proxy.count("/progress?") >= 1


def _finish(url: str, task: TaskRef) -> None:
    with TaskTracker(url) as other:
        other.complete(task, "done", progress={"last": True})


def test_what_began_as_a_stream_goes_on_by_pages(
    connect: Connect, through: Through, client: TaskTracker, held: Task
) -> None:
    proxy = through()
    with connect(proxy.url).track(held, lifecycle=True) as events:
        next(events)
        client.progress(held, {"n": 1})
        assert numbers([next(events)]) == [1]
        proxy.rule = always(MutedAfter(0), "/track")
        proxy.cut_all()
        client.progress(held, {"n": 2})
        began = time.monotonic()
        told = [next(events)]
        while not isinstance(told[-1], Progress):
            told.append(next(events))
        assert time.monotonic() - began < BUFFERED_SECONDS
        assert numbers(told) == [2]
        client.complete(held)
        assert isinstance(list(events)[-1], StatusChange)


@SLOW
def test_pages_survive_what_streams_survive(
    connect: Connect, through: Through, client: TaskTracker, held: Task
) -> None:
    for _ in range(5):
        client.progress(held, [{"n": n} for n in range(500)])
    lost = iter([Dropped(), Answered("502 Bad Gateway"), Answered("200 OK", b"<html>"), None, Dropped()])

    def rule(method: str, path: str) -> Fate:
        return MutedAfter(0) if "/track" in path else next(lost, None)

    proxy = through(rule)
    with Later(lambda: _finish(proxy.target, held), 8.0):
        told = list(connect(proxy.url).track(held))

    assert numbers(told) == list(range(1, 2_502))
    assert isinstance(told[-1], StatusChange)


@SLOW
def test_the_time_given_is_kept_by_pages_too(connect: Connect, through: Through, held: Task) -> None:
    """The stream is held back, and the page that is read instead is never answered."""
    proxy = through(lambda method, path: MutedAfter(0) if "/track" in path else Swallowed())
    began = time.monotonic()
    with pytest.raises(sdk.WaitTimeout):
        list(connect(proxy.url).track(held, timeout=8))

    assert proxy.count("/progress") == 1
    assert 8.0 <= time.monotonic() - began < 12.0


def test_somebody_else_who_answers_is_told_as_such(connect: Connect, through: Through) -> None:
    page = Answered("200 OK", b"<html>welcome</html>", "Content-Type: text/html\r\n")
    proxy = through(always(page))
    with pytest.raises(sdk.ProtocolError, match="no event stream but text/html"):
        list(connect(proxy.url).track("a"))
    with pytest.raises(sdk.ProtocolError, match="no event stream"):
        list(connect(proxy.url).events())


def test_a_page_of_a_proxy_in_the_middle_is_passed_over(
    connect: Connect, through: Through, client: TaskTracker, held: Task
) -> None:
    proxy = through()
    with connect(proxy.url).track(held) as events:
        client.progress(held, {"n": 1})
        assert numbers([next(events)]) == [1]
        page = Answered("200 OK", b"<html>be back soon</html>", "Content-Type: text/html\r\n")
        proxy.rule = first(3, page, "/track")
        proxy.cut_all()
        client.complete(held, progress={"n": 2})
        told = list(events)

    assert numbers(told) == [2]
    assert proxy.count("/track") == 5


def test_an_event_that_cannot_be_read_ends_the_stream(connect: Connect, through: Through) -> None:
    event = b'id: 1\nevent: progress\ndata: {"event":"progress","data":7}\n\n'
    proxy = through(always(Answered("200 OK", event, "Content-Type: text/event-stream\r\n")))
    for events in (connect(proxy.url).track("a"), connect(proxy.url).events()):
        with pytest.raises(sdk.ProtocolError, match="no event"):
            next(events)
    assert len(proxy.requests) == 2


def test_events_of_a_newer_service_are_passed_over(connect: Connect, through: Through) -> None:
    frames = (
        b'id: 0\n\nevent: estimate\ndata: {"event":"estimate","data":7}\n\n'
        b'event: status_change\ndata: {"event":"status_change","data":{"status":"completed","result":1},'
        b'"taskId":"a","timestamp":"2030-01-01T00:00:00.000Z","more":[]}\n\n'
    )
    proxy = through(always(Answered("200 OK", frames, "Content-Type: text/event-stream\r\n")))

    assert [type(each) for each in connect(proxy.url).track("a")] == [StatusChange]


def test_nobody_there_is_told_quickly(connect: Connect, unused_url: str) -> None:
    began = time.monotonic()
    for events in (connect(unused_url).track("a"), connect(unused_url).events()):
        with pytest.raises(sdk.ConnectionFailed) as failed:
            next(events)
        assert not isinstance(failed.value, sdk.TrackInterrupted)
        with pytest.raises(sdk.ConnectionFailed):
            next(events)

    assert time.monotonic() - began < 10


def test_a_service_that_says_nothing_at_all_is_given_up_with_the_time_given(
    connect: Connect, through: Through
) -> None:
    proxy = through(always(Swallowed()))
    began = time.monotonic()
    with pytest.raises(sdk.WaitTimeout):
        list(connect(proxy.url).track("a", timeout=2))

    assert time.monotonic() - began < 6


@contextmanager
def deployment(database_url: str, redis_url: str, prefix: str, count: int) -> Iterator[list[Service]]:
    with ExitStack() as started:
        yield [
            started.enter_context(Service(database_url, redis_url, redis_prefix=prefix)) for _ in range(count)
        ]


def test_a_service_that_is_killed_and_comes_back_is_followed_on(
    connect: Connect, through: Through, database_url: str, redis_url: str, redis_prefix: str
) -> None:
    with deployment(database_url, redis_url, redis_prefix, 1) as (service,):
        proxy = through(target=service.url)
        client = connect(proxy.url, retries=QUICK)
        task = client.start(client.register("a"))
        with client.track(task) as events, client.events(tasks=[task]) as many:
            assert isinstance(next(many), sdk.Ready)
            client.progress(task, {"n": 1})
            assert numbers([next(events)]) == [1]

            def come_back() -> None:
                service.start()
                proxy.target = service.url
                with TaskTracker(service.url) as other:
                    other.progress(task, {"n": 2})
                    other.complete(task)

            service.kill()
            with Later(come_back, 0.0):
                rest = list(events)
                # First what was still told before the service went.
                assert any(isinstance(event, sdk.Ready) for event in many)
            assert numbers(rest) == [2]
            assert isinstance(rest[-1], StatusChange)
            assert client.wait(task, timeout=10).status == "completed"


def test_one_of_two_instances_hands_its_readers_over(
    connect: Connect, through: Through, database_url: str, redis_url: str, redis_prefix: str
) -> None:
    with deployment(database_url, redis_url, redis_prefix, 2) as (one, two):
        proxy = through(target=one.url)
        client = connect(two.url)
        task = client.start(client.register("a"))
        told: list[TrackEvent] = []
        with connect(proxy.url).track(task) as events:
            client.progress(task, {"n": 1})
            told.append(next(events))
            proxy.target = two.url
            one.terminate()
            proxy.wait_until_left(0)
            client.progress(task, [{"n": 2}, {"n": 3}])
            client.complete(task, "done")
            told += events
        assert numbers(told) == [1, 2, 3]
        assert isinstance(told[-1], StatusChange)


def test_a_wait_goes_on_while_the_service_is_away(
    connect: Connect, through: Through, client: TaskTracker, held: Task
) -> None:
    proxy = through()

    def go_away_and_come_back() -> None:
        proxy.wait_for_request("/progress?", 2)
        proxy.rule = first(12, Answered("503 Service Unavailable"))
        proxy.cut_all()
        assert wait_for(lambda: len(proxy.requests) > 8, 30)
        _finish(proxy.target, held)

    with Later(go_away_and_come_back):
        assert connect(proxy.url).wait(held, timeout=60).result == "done"
    assert len(proxy.requests) > 12


def test_a_service_that_lost_its_bus_tells_everything(
    connect: Connect, database_url: str, redis_url: str, redis_prefix: str
) -> None:
    with deployment(database_url, redis_url, redis_prefix, 1) as (service,):
        client = connect(service.url)
        task = client.start(client.register("a"))
        with client.track(task) as events:
            for n in itertools.count(1):
                client.progress(task, {"n": n})
                assert numbers([next(events)]) == [n]
                if n == 3:
                    break
                cut_bus(service, redis_url)
            client.complete(task)
            assert [type(each) for each in events] == [StatusChange]


@pytest.mark.parametrize("buffered", [False, pytest.param(True, marks=SLOW)])
def test_entries_that_were_lost_are_told_as_one_gap_once(
    connect: Connect,
    through: Through,
    database_url: str,
    redis_url: str,
    redis_prefix: str,
    buffered: bool,
) -> None:
    with deployment(database_url, redis_url, redis_prefix, 1) as (service,):
        client = connect(service.url)
        task = client.start(client.register("a"))
        client.progress(task, [{"n": 1}, {"n": 2}])
        lose_keys(redis_url, redis_prefix)
        after = client.progress(task, {"n": 3}).seq_id
        client.progress(task, {"n": 4})
        proxy = through(always(MutedAfter(0), "/track") if buffered else cuts(1, 1_500), service.url)
        with Later(lambda: _finish(service.url, task), 1.0):
            told = list(connect(proxy.url).track(task))

    assert [type(each) for each in told] == [Gap, Progress, Progress, Progress, StatusChange]
    assert numbers(told) == [after, after + 1, after + 2]
    assert isinstance(told[0], Gap)
    assert (told[0].from_seq_id, told[0].to_seq_id) == (1, after - 1)
