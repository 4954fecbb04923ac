"""Callers who wait for progress: their number is bounded, and what ends their wait ends it at once."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import httpx
import pytest
import redis

from services import Service, cut_bus, wait_for
from wire.rawhttp import Connection

PLACES = 3
TASKS = "/api/v1/tasks"


@pytest.fixture
def small(database_url: str, redis_url: str, redis_prefix: str) -> Iterator[Service]:
    """A service where few may wait."""
    env = {"TASK_TRACKER_PROGRESS_WAITERS_LIMIT": str(PLACES)}
    with Service(database_url, redis_url, redis_prefix=redis_prefix, env=env) as started:
        yield started


@pytest.fixture
def api(small: Service) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=f"{small.url}{TASKS}", timeout=20, trust_env=False) as client:
        yield client


def started(api: httpx.Client, task_id: str) -> str:
    assert api.post("", json={"taskId": task_id, "taskType": "wait"}).status_code == 201
    assert api.post(f"/{task_id}/start", json={}).status_code == 200
    return task_id


def waiting(service: Service, opened: ExitStack, task_id: str) -> Connection:
    connection = opened.enter_context(Connection(service.url))
    connection.request("GET", f"{TASKS}/{task_id}/progress?waitSeconds=30")
    return connection


def fill(service: Service, opened: ExitStack, task_id: str) -> list[Connection]:
    """Take places until somebody finds none; those who wait."""
    callers: list[Connection] = []
    while all(caller.is_silent() for caller in callers):
        callers.append(waiting(service, opened, task_id))
        time.sleep(0.3)
    waiters = [caller for caller in callers if caller.is_silent()]
    assert len(waiters) == PLACES
    return waiters


def refused(api: httpx.Client, task_id: str) -> bool:
    return api.get(f"/{task_id}/progress?waitSeconds=1").status_code == 503


def test_who_finds_no_place_is_told_to_come_later(small: Service, api: httpx.Client) -> None:
    task_id = started(api, "crowd")
    with ExitStack() as opened:
        waiters = fill(small, opened, task_id)

        answer = api.get(f"/{task_id}/progress?waitSeconds=30")
        assert (answer.json()["code"], answer.headers["retry-after"]) == ("overloaded", "1")
        assert api.get(f"/{task_id}/progress").status_code == 200, "only waiting needs a place"

        assert api.post(f"/{task_id}/progress", json={"progress": {}}).status_code == 200
        assert [len(waiter.answer().json()["entries"]) for waiter in waiters] == [1] * PLACES
    assert api.get(f"/{task_id}/progress?afterSeqId=1&waitSeconds=1").status_code == 200


def test_who_hangs_up_frees_the_place_at_once(small: Service, api: httpx.Client) -> None:
    task_id = started(api, "leavers")
    with ExitStack() as opened:
        fill(small, opened, task_id)

    assert wait_for(lambda: not refused(api, task_id), 5), "their waits would have lasted 30 s"


def test_a_service_that_ends_answers_all_who_wait(small: Service, api: httpx.Client) -> None:
    task_id = started(api, "drained")
    with ExitStack() as opened:
        waiters = fill(small, opened, task_id)
        with ThreadPoolExecutor(1) as pool:
            began = time.monotonic()
            stopping = pool.submit(small.stop)
            pages = [waiter.answer().json() for waiter in waiters]
            assert time.monotonic() - began < 5
            stopping.result()

    assert [(page["entries"], page["final"]) for page in pages] == [([], False)] * PLACES


def test_a_lost_bus_connection_delays_nobody_for_long(
    small: Service, api: httpx.Client, redis_url: str
) -> None:
    task_id = started(api, "cut")
    with ExitStack() as opened:
        waiter = waiting(small, opened, task_id)
        time.sleep(0.3)
        cut_bus(small, redis_url)
        assert api.post(f"/{task_id}/progress", json={"progress": {}}).status_code == 200

        began = time.monotonic()
        assert len(waiter.answer().json()["entries"]) == 1
        assert time.monotonic() - began < 5


def test_lost_entries_are_told_by_the_page(
    small: Service, api: httpx.Client, redis_url: str, redis_prefix: str
) -> None:
    task_id = started(api, "lost")
    for _ in range(3):
        api.post(f"/{task_id}/progress", json={"progress": {}})
    with redis.Redis.from_url(redis_url) as store:
        store.delete(*[f"{redis_prefix}:{kind}:{task_id}" for kind in ("live", "seq", "progress")])
    with ThreadPoolExecutor(1) as pool:
        page = pool.submit(api.get, f"/{task_id}/progress?afterSeqId=3&waitSeconds=20")
        number = api.post(f"/{task_id}/progress", json={"progress": {}}).json()["seqId"]

    assert page.result().json()["gaps"] == [{"fromSeqId": 4, "toSeqId": number - 1}]
    assert [entry["seqId"] for entry in page.result().json()["entries"]] == [number]


def test_without_redis_pages_show_what_is_stored_and_say_that_there_may_be_more(database_url: str) -> None:
    with (
        Service(database_url, "unix:///nonexistent/redis.sock") as alone,
        httpx.Client(base_url=f"{alone.url}{TASKS}", timeout=20, trust_env=False) as api,
    ):
        task_id = started(api, "alone")
        began = time.monotonic()
        page = api.get(f"/{task_id}/progress?waitSeconds=2").json()
        assert (page["entries"], page["lastSeqId"], page["final"]) == ([], None, False)
        assert 1.5 < time.monotonic() - began < 5

        with ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(api.get, f"/{task_id}/progress?waitSeconds=15")
            time.sleep(0.3)
            assert api.post(f"/{task_id}/complete", json={"result": 1}).status_code == 200
        assert (waiting.result().json()["final"], waiting.result().json()["result"]) == (True, 1)
