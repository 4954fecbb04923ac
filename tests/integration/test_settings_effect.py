"""Every setting takes effect: three services, set unusually, and what is different about them."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final, TypeVar

import httpx
import psutil  # type: ignore[import-untyped]
import psycopg
import pytest
import redis

from services import Databases, Service, free_port, own_keys, wait_for
from tasktracker_server.settings import SETTINGS
from wire.driver import TASKS, Driver, Held
from wire.rawhttp import Connection
from wire.waiting import at_once

T = TypeVar("T", bound=Callable[..., object])

ENTRIES = 3
STREAM_SECONDS = 2
SHUTDOWN_SECONDS = 1

proved: Final[set[str]] = set()
"""Settings that a test of this module is about."""


def of(*settings: str) -> Callable[[T], T]:
    """Which settings a test is about."""
    proved.update(settings)
    return lambda test: test


class Set:
    """A service with settings of its own, on a database of its own."""

    def __init__(self, service: Service, database_url: str, prefix: str, client: httpx.Client) -> None:
        self.service = service
        self.database_url = database_url
        self.prefix = prefix
        self.driver = Driver(client, client)

    def held(self) -> Held:
        return self.driver.held("settings", "w1", maxRetries=0)


@contextmanager
def started(
    databases: Databases, redis_url: str, name: str, settings: Mapping[str, object], **options: int
) -> Iterator[Set]:
    env = {f"TASK_TRACKER_{setting.upper()}": str(value) for setting, value in settings.items()}
    with (
        databases.one() as database_url,
        own_keys(redis_url, name) as prefix,
        Service(database_url, redis_url, redis_prefix=prefix, env=env, **options) as service,
        httpx.Client(base_url=service.url, timeout=20, trust_env=False) as client,
    ):
        yield Set(service, database_url, prefix, client)


@pytest.fixture(scope="module")
def small(databases: Databases, redis_url: str, own_name: str) -> Iterator[Set]:
    """A service that takes little."""
    settings = {
        "host": "127.0.0.2",
        "require_attempt": "true",
        "body_limit": 1_024,
        "array_body_limit": 2_048,
        "progress_entry_limit": 64,
        "history_entries_limit": ENTRIES,
        "heartbeat_seconds": 1,
        "sweep_seconds": 0.1,
        "retention": "1h",
        "retention_by_type": "brief=1m",
    }
    with started(databases, redis_url, f"{own_name}:small", settings, processes=2) as one:
        yield one


@pytest.fixture(scope="module")
def hasty(databases: Databases, redis_url: str, own_name: str) -> Iterator[Set]:
    """A service that waits for little, except for its sweeps."""
    settings = {
        "body_limit": 16 * 1024 * 1024,
        "bodies_limit": 65_536,
        "history_bytes_limit": 1_024,
        "database_pool_size": 3,
        "statement_timeout_seconds": 1,
        "stream_lifetime": STREAM_SECONDS,
        "stream_write_timeout": 1,
        "sweep_seconds": 60,
        "streams_limit": 1,
        "waiting_claims_limit": 0,
        "progress_waiters_limit": 0,
    }
    with started(databases, redis_url, f"{own_name}:hasty", settings) as one:
        yield one


@of("host")
def test_it_listens_on_the_address_given_and_on_no_other(small: Set) -> None:
    port = httpx.URL(small.service.url).port

    assert small.service.url == f"http://127.0.0.2:{port}"
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port or 0), 5)


@of("processes")
def test_it_runs_as_many_processes_as_were_asked_for(small: Set) -> None:
    assert len(small.service.worker_pids) == 2


@of("database_url", "redis_url", "redis_prefix")
def test_its_tasks_are_in_the_stores_that_were_named_under_the_prefix_given(
    hasty: Set, redis_url: str
) -> None:
    held = hasty.held()
    held.append(1)

    with psycopg.connect(hasty.database_url) as connection:
        found = connection.execute("select 1 from tracker_tasks where id = %s", [held.task_id]).fetchall()
    with redis.Redis.from_url(redis_url) as client:
        kept = client.exists(f"{hasty.prefix}:progress:{held.task_id}", f"{hasty.prefix}:seq:{held.task_id}")

    assert (len(found), kept) == (1, 2)


@of("require_attempt")
def test_writes_of_workers_have_to_name_their_attempt(small: Set) -> None:
    held = small.held()

    assert small.driver.complete(held.task_id).json()["code"] == "attempt_required"
    assert held.complete().status_code == 200


@of("body_limit")
def test_a_body_over_the_limit_is_refused(small: Set) -> None:
    assert small.driver.register("settings", params={"text": "x" * 800}).status_code == 201
    assert small.driver.register("settings", params={"text": "x" * 1_100}).json()["code"] == "too_large"


@of("bodies_limit")
def test_no_more_bytes_of_bodies_are_held_than_allowed(hasty: Set) -> None:
    large = {"text": "x" * 50_000}
    with Connection(hasty.service.url) as half:
        half.send(b"POST /api/v1/tasks HTTP/1.1\r\nHost: x\r\nContent-Length: 50000\r\n\r\n{")

        assert wait_for(lambda: hasty.driver.register("settings", params=large).status_code == 503, 5)
        refused = hasty.driver.register("settings", params=large)
        assert refused.json()["code"] == "overloaded"
        assert refused.headers["retry-after"] == "1"
        assert hasty.driver.register("settings", params={"text": "x" * 10_000}).status_code == 201

    assert wait_for(lambda: hasty.driver.register("settings", params=large).status_code == 201, 5)


@of("array_body_limit")
def test_a_body_of_progress_has_a_limit_of_its_own(small: Set) -> None:
    held = small.held()

    fits, over = (
        small.driver.progress(held.task_id, {}, **held.identity, ignored="x" * length)
        for length in (1_500, 2_500)
    )

    assert fits.status_code == 200
    assert over.json()["code"] == "too_large"


@of("progress_entry_limit")
def test_an_entry_over_the_limit_is_refused(small: Set) -> None:
    held = small.held()

    assert held.progress({"text": "x" * 40}).status_code == 200
    assert held.progress({"text": "x" * 70}).json()["code"] == "too_large"


@of("history_entries_limit")
def test_a_history_takes_no_more_entries_than_the_limit_and_the_task_can_still_end(small: Set) -> None:
    held = small.held()
    held.append(ENTRIES)

    assert held.progress({}).json()["code"] == "history_full"
    assert held.complete().status_code == 200


@of("history_entries_limit")
@pytest.mark.parametrize("verb", ["complete", "fail"])
@pytest.mark.parametrize("before", [0, 1])
def test_neither_do_entries_that_come_with_an_end(small: Set, before: int, verb: str) -> None:
    held = small.held()
    held.append(before)

    over = small.driver.post(held.task_id, verb, {**held.identity, "progress": [{}] * (ENTRIES + 1 - before)})
    assert (over.status_code, over.json()["code"]) == (413, "history_full")
    assert held.task()["status"] == "in_progress"

    fits = [small.driver.post(held.task_id, verb, {**held.identity, "progress": [{}] * (ENTRIES - before)})]
    fits.append(small.driver.post(held.task_id, verb, {**held.identity, "progress": [{}] * (ENTRIES + 1)}))
    assert [answer.status_code for answer in fits] == [200, 200]
    assert len(held.task()["progressHistory"]) == ENTRIES


@of("progress_entry_limit")
def test_an_entry_over_the_limit_that_comes_with_an_end_is_refused(small: Set) -> None:
    held = small.held()

    assert held.complete(progress={"text": "x" * 70}).json()["code"] == "too_large"
    assert held.task()["status"] == "in_progress"


@of("history_bytes_limit")
@pytest.mark.parametrize("size", [1_100, 400])
def test_entries_that_come_with_an_end_hold_no_more_bytes_than_the_limit(hasty: Set, size: int) -> None:
    held = hasty.held()

    answer = held.complete(progress=[{"text": "x" * size}] * 3)

    assert (answer.status_code, answer.json()["code"]) == (413, "history_full")
    assert held.task()["status"] == "in_progress"
    assert held.complete(progress=[{"text": "x" * 300}] * 3).status_code == 200


@of("history_bytes_limit")
def test_a_history_takes_no_more_bytes_than_the_limit(hasty: Set) -> None:
    held = hasty.held()

    assert held.progress({"text": "x" * 700}).status_code == 200
    assert held.progress({"text": "x" * 700}).json()["code"] == "history_full"


@of("heartbeat_seconds")
def test_a_silent_stream_shows_a_sign_of_life_in_time(small: Set) -> None:
    with small.held().track() as stream:
        first = stream.comment()
        second = stream.comment(seconds=5)

    assert 0.8 <= second.arrived - first.arrived < 5


@of("stream_lifetime")
def test_a_stream_ends_after_its_lifetime_for_its_reader_to_resume(hasty: Set) -> None:
    began = time.monotonic()

    with hasty.held().track() as stream:
        assert stream.rest() == []

    assert 0.8 * STREAM_SECONDS <= time.monotonic() - began < 1.2 * STREAM_SECONDS + 2


@of("stream_write_timeout")
def test_a_reader_who_takes_nothing_is_cut(hasty: Set) -> None:
    """What an ended task's final event carries is far more than a socket holds."""
    size = 6_000_000
    task_id = hasty.held().task_id
    assert hasty.driver.complete(task_id, result={"text": "x" * size}).status_code == 200

    with socket.socket() as reader:
        reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        url = httpx.URL(hasty.service.url)
        reader.settimeout(10)
        reader.connect((url.host, url.port or 0))
        reader.sendall(f"GET {TASKS}/{task_id}/track HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        time.sleep(3)
        taken = 0
        try:
            while piece := reader.recv(65_536):
                taken += len(piece)
        except ConnectionResetError:
            pass

    assert taken < size


@of("streams_limit")
def test_there_are_no_more_streams_than_allowed(hasty: Set) -> None:
    held = hasty.held()

    with held.track() as first, held.track() as second:
        assert [first.status, second.status] == [200, 503]


@of("waiting_claims_limit")
def test_no_more_claims_wait_than_allowed(hasty: Set) -> None:
    answer = hasty.driver.claim("nothing", worker="w1", waitSeconds=30)

    assert answer.json()["code"] == "overloaded"


@of("progress_waiters_limit")
def test_no_more_calls_wait_for_progress_than_allowed(hasty: Set) -> None:
    answer = hasty.driver.get(hasty.held().task_id, "/progress?waitSeconds=30")

    assert answer.json()["code"] == "overloaded"


@of("retention", "retention_by_type")
def test_ended_tasks_are_deleted_at_the_age_of_their_type(small: Set) -> None:
    kept, brief, old = (small.driver.held(name, "w1") for name in ("settings", "brief", "settings"))
    for held, age in ((kept, "10 min"), (brief, "10 min"), (old, "2 h")):
        assert held.complete().status_code == 200
        with psycopg.connect(small.database_url, autocommit=True) as connection:
            connection.execute(
                "update tracker_tasks set created_at = created_at - %(age)s::interval,"
                " completed_at = completed_at - %(age)s::interval where id = %(id)s",
                {"age": age, "id": held.task_id},
            )

    def left() -> list[int]:
        return [small.driver.get(held.task_id).status_code for held in (kept, brief, old)]

    assert wait_for(lambda: left() == [200, 404, 404], 20), left()


@of("sweep_seconds")
def test_what_is_overdue_waits_for_the_next_sweep(hasty: Set) -> None:
    task_id = hasty.driver.new("settings", timeoutSeconds=1)

    time.sleep(2.5)

    assert hasty.driver.task(task_id)["status"] == "pending"
    assert hasty.driver.write.post(f"{TASKS}/timeouts/process").json()["processedCount"] >= 1


@of("database_pool_size", "statement_timeout_seconds")
def test_a_stuck_database_is_given_up_in_time_and_takes_no_more_connections_than_allowed(hasty: Set) -> None:
    task_id = hasty.driver.new("settings")
    with psycopg.connect(hasty.database_url) as connection:
        connection.execute("lock table tracker_tasks in access exclusive mode")
        began = time.monotonic()
        answers = at_once(
            [
                lambda: hasty.driver.start(task_id),
                lambda: hasty.driver.release(task_id),
                lambda: hasty.driver.timeout(task_id),
                lambda: hasty.driver.get(task_id),
                lambda: hasty.driver.register("settings"),
            ]
        )
        seconds = time.monotonic() - began
        pool = connection.execute(
            "select count(*) from pg_stat_activity"
            " where datname = current_database() and pid <> pg_backend_pid()"
        ).fetchone()

    assert {answer.status_code for answer in answers} == {503}
    assert seconds < 4
    assert pool == (3,)


@of("port", "shutdown_seconds", "log_level", "log_format")
@pytest.mark.parametrize(
    ("level", "form", "told"),
    [("info", "json", '"level":"info"'), ("info", "text", " info    draining"), ("warning", "json", "")],
)
def test_it_has_the_port_given_and_ends_in_time_and_its_log_tells_what_was_asked_for(
    databases: Databases, redis_url: str, own_name: str, level: str, form: str, told: str
) -> None:
    port = free_port()
    settings = {"log_level": level, "log_format": form, "shutdown_seconds": SHUTDOWN_SECONDS}

    with started(databases, redis_url, f"{own_name}:{level}", settings, port=port) as one:
        assert one.service.url == f"http://127.0.0.1:{port}"
        with Connection(one.service.url) as half:
            half.send(b"POST /api/v1/tasks HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{")
            time.sleep(0.2)  # until it was read: what is under way keeps a service that ends
            began = time.monotonic()
            process = psutil.Process(one.service.pid)
            process.terminate()
            assert wait_for(lambda: process.status() == psutil.STATUS_ZOMBIE, 10)
            seconds = time.monotonic() - began
        log = one.service.logs().partition("\n")[2]

    assert SHUTDOWN_SECONDS * 0.9 <= seconds < SHUTDOWN_SECONDS + 4
    assert told in log
    assert bool(log) == bool(told)


@of("data_dir")
def test_embedded_stores_live_on_the_directory_given(data_dir: Path, redis_url: str) -> None:
    done = subprocess.run(
        [sys.executable, "-P", "-m", "tasktracker_server", "migrate", "--data-dir", data_dir],
        env={"PATH": os.environ["PATH"], "TASK_TRACKER_REDIS_URL": redis_url},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )

    assert "applied 0001" in done.stdout
    assert (data_dir / "postgres").is_dir()


def test_every_setting_is_proved_here_or_set_by_a_test_of_what_it_limits() -> None:
    tests = Path(__file__).parents[1]
    others = [page for page in tests.rglob("test_*.py") if page.parent.name in ("integration", "faults")]
    elsewhere = "".join(page.read_text() for page in others)

    assert [row.env for row in SETTINGS if row.name not in proved and row.env not in elsewhere] == []
