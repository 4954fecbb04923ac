"""Streams of many tasks tell everything or end: lost connections, slow readers, crowds and shutdowns."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager

import httpx
import psutil  # type: ignore[import-untyped]
import psycopg
import pytest
import redis

from services import Service, cut_bus, wait_for
from wire.driver import EVENTS, TASKS
from wire.rawhttp import Connection
from wire.sse import Stream

STREAMS = 5
MIB = 1024 * 1024


@pytest.fixture(scope="module")
def service(database_url: str, redis_url: str, redis_prefix: str) -> Iterator[Service]:
    """A service with few places for streams."""
    env = {"TASK_TRACKER_STREAMS_LIMIT": str(STREAMS)}
    with Service(database_url, redis_url, redis_prefix=redis_prefix, env=env) as started:
        yield started


@pytest.fixture
def api(service: Service) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=service.url, timeout=20, trust_env=False) as client:
        yield client


@contextmanager
def opened(service: Service, target: str = EVENTS) -> Iterator[Stream]:
    connection = Connection(service.url)
    try:
        stream = Stream(connection, target, {})
        assert stream.status == 200
        stream.next()
        yield stream
    finally:
        connection.close()


def started(api: httpx.Client, task_id: str) -> str:
    assert api.post(TASKS, json={"taskId": task_id, "taskType": "watched"}).status_code == 201
    assert api.post(f"{TASKS}/{task_id}/start", json={}).status_code == 200
    return task_id


def progress(api: httpx.Client, task_id: str, entries: object) -> None:
    answer = api.post(f"{TASKS}/{task_id}/progress", json={"progress": entries})
    assert answer.status_code == 200, answer.text


@contextmanager
def slow_ends(database_url: str) -> Iterator[psycopg.Connection]:
    """Each end takes ten seconds, unless its connection is cut before."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(
            "create function dawdle() returns trigger language plpgsql as"
            " $$ begin perform pg_sleep(10); return new; end $$"
        )
        connection.execute(
            "create trigger dawdle before update on tracker_tasks for each row"
            " when (new.status = 'completed') execute function dawdle()"
        )
        yield connection


def cut_ends(connection: psycopg.Connection) -> None:
    """Cut the connections on which tasks are being ended; the next time ends are quick."""
    waits = "from pg_stat_activity where wait_event = 'PgSleep' and datname = current_database()"

    def are_ended() -> bool:
        return connection.execute(f"select 1 {waits}").fetchone() is not None

    assert wait_for(are_ended, 5)
    with connection.transaction():
        connection.execute(f"select pg_terminate_backend(pid) {waits}")
        connection.execute("drop trigger dawdle on tracker_tasks")
        connection.execute("drop function dawdle")


def test_a_change_whose_answer_from_the_database_was_lost_ends_streams(
    service: Service, api: httpx.Client, database_url: str
) -> None:
    task_id = started(api, "doubted")
    with opened(service) as stream, ThreadPoolExecutor(1) as caller:
        with slow_ends(database_url) as connection:
            ending = caller.submit(api.post, f"{TASKS}/{task_id}/complete", json={})
            cut_ends(connection)

        assert ending.result().status_code == 200
        stream.rest()


def test_a_lost_bus_connection_ends_streams_of_many_tasks_only(
    service: Service, api: httpx.Client, redis_url: str
) -> None:
    task_id = started(api, "cut")
    with opened(service) as many, opened(service, f"{TASKS}/{task_id}/track") as one:
        cut_bus(service, redis_url)
        many.rest()

        progress(api, task_id, {"n": 1})
        assert one.next().id == "1"
    with opened(service, f"{EVENTS}?taskId={task_id}&progress=1") as again:
        progress(api, task_id, {"n": 2})
        assert again.next().data["seqId"] == 2


def test_changes_that_could_not_be_told_end_streams(
    service: Service, redis_url: str, redis_prefix: str
) -> None:
    with opened(service) as stream, redis.Redis.from_url(redis_url) as store:
        assert store.publish(f"{redis_prefix}:changes", b"cut") == 1

        stream.rest()


def test_a_reader_who_falls_behind_is_cut_and_costs_bounded_memory(
    service: Service, api: httpx.Client
) -> None:
    task_id = started(api, "flood")
    process = psutil.Process(service.pid)
    told, text = 0, "x" * 10_000
    target = f"{EVENTS}?taskType=watched&progress=true"
    with opened(service, target) as slow, opened(service, target) as quick, ThreadPoolExecutor(1) as pool:
        before = process.memory_info().rss
        reading = pool.submit(quick.take, 10_000)
        for _ in range(100):
            progress(api, task_id, [{"text": text}] * 100)
            told += 100
        grown = process.memory_info().rss - before
        got = reading.result(30)
        missed = slow.rest()

    assert grown < 60 * MIB, "100 MB were told"
    assert [frame.data["seqId"] for frame in got if frame.event == "progress"] == list(range(1, told + 1))
    numbers = [frame.data["seqId"] for frame in missed if frame.event == "progress"]
    assert numbers == list(range(1, len(numbers) + 1)), "what was told before the cut has no hole"
    assert len(numbers) < told


def test_streams_of_either_kind_share_their_places(service: Service, api: httpx.Client) -> None:
    task_id = started(api, "crowd")
    targets = (EVENTS, f"{TASKS}/{task_id}/track")
    with ExitStack() as streams:
        for n in range(STREAMS):
            assert wait_for(lambda: api_takes_stream(service), 5), "places of closed streams are free again"
            streams.enter_context(opened(service, targets[n % 2]))

        for target in targets:
            answer = api.get(target)
            assert (answer.status_code, answer.json()["code"]) == (503, "overloaded")
    assert wait_for(lambda: api_takes_stream(service), 5)


def api_takes_stream(service: Service) -> bool:
    with Connection(service.url) as connection:
        return Stream(connection, EVENTS, {}).status == 200


def test_a_stream_lives_no_longer_than_it_may(database_url: str, redis_url: str, redis_prefix: str) -> None:
    env = {"TASK_TRACKER_STREAM_LIFETIME": "1", "TASK_TRACKER_HEARTBEAT_SECONDS": "1"}
    with (
        Service(database_url, redis_url, redis_prefix=redis_prefix, env=env) as short,
        opened(short) as stream,
    ):
        began = time.monotonic()
        stream.rest()

    assert 0.5 < time.monotonic() - began < 5


def test_silence_is_broken_by_heartbeats(database_url: str, redis_url: str, redis_prefix: str) -> None:
    env = {"TASK_TRACKER_HEARTBEAT_SECONDS": "1"}
    with Service(database_url, redis_url, redis_prefix=redis_prefix, env=env) as lively:
        with opened(lively, f"{EVENTS}?taskId=nobody") as stream:
            first, second, third = (stream.comment() for _ in range(3))

        assert 0.7 < third.arrived - second.arrived < 3
        assert first.raw == third.raw == b":\n"


def test_a_service_that_ends_ends_its_streams(database_url: str, redis_url: str, redis_prefix: str) -> None:
    with Service(database_url, redis_url, redis_prefix=redis_prefix) as ending, opened(ending) as stream:
        began = time.monotonic()
        with ThreadPoolExecutor(1) as pool:
            stopping = pool.submit(ending.stop)
            stream.rest()
            stopping.result()

    assert time.monotonic() - began < 8


def test_without_redis_nothing_can_be_watched(database_url: str) -> None:
    with Service(database_url, "unix:///nonexistent/redis.sock") as alone:
        answer = httpx.get(f"{alone.url}{EVENTS}", timeout=20, trust_env=False)

    assert (answer.status_code, answer.json()["code"]) == (503, "redis_unavailable")
