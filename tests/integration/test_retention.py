"""Old tasks are deleted: those and no others, with all they left, and nobody is hurt."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from uuid import uuid4

import httpx
import psycopg
import pytest
import redis

from services import Service
from tasktracker_server.core.log import HistoryLimits
from tasktracker_server.core.retention import Ages
from tasktracker_server.live.client import LiveClient
from tasktracker_server.live.keys import Keys
from tasktracker_server.live.log import ProgressLog
from tasktracker_server.service.announcing import Announcer
from tasktracker_server.service.ending import Ending
from tasktracker_server.service.retention import Retention
from tasktracker_server.store.database import Database
from tasktracker_server.store.histories import HistoryStore
from tasktracker_server.store.retention import RetentionStore
from tasktracker_server.store.tasks import TaskStore
from wire.driver import Driver, Held
from wire.rawhttp import Connection
from wire.sse import Stream

DAY = 86_400
TASKS = "/api/v1/tasks"


@dataclass
class House:
    """A running service that deletes nothing by itself, and its stores."""

    url: str
    driver: Driver
    sql: psycopg.Connection[tuple[object, ...]]
    database_url: str
    redis_url: str
    redis_prefix: str

    def age(self, *task_ids: str, days: float) -> None:
        """Have these tasks happened so long ago."""
        self.sql.execute(
            "update tracker_tasks set created_at = created_at - %(ago)s::interval,"
            " timeout_at = timeout_at - %(ago)s::interval, completed_at = completed_at - %(ago)s::interval"
            " where id = any(%(ids)s)",
            {"ago": f"{days} days", "ids": list(task_ids)},
        )

    def walk(self, default: int | None = 7 * DAY, **by_type: int | None) -> None:
        """Delete what is too old, once."""
        self.sql.execute("delete from tracker_turns")
        asyncio.run(self._walk(Ages(default, by_type)))

    async def _walk(self, ages: Ages) -> None:
        database, client = Database(self.database_url), LiveClient(self.redis_url)
        await database.open()
        try:
            live = ProgressLog(client, Keys(self.redis_prefix), HistoryLimits(1 << 20, 1 << 30))
            ending = Ending(TaskStore(database), HistoryStore(database), live, Announcer(live))
            await Retention(RetentionStore(database), live, ending, ages).walk()
        finally:
            await database.aclose()
            await client.aclose()

    def left(self, *task_ids: str) -> list[str]:
        """Those of these that are still there, as a caller finds out."""
        return [task_id for task_id in task_ids if self.driver.get(task_id).status_code == 200]

    def keys(self, task_id: str) -> list[bytes]:
        with redis.Redis.from_url(self.redis_url) as client:
            return list(client.scan_iter(f"{self.redis_prefix}:*:{task_id}", count=1_000))

    def ended(self, task_type: str, days: float, verb: str = "complete", entries: int = 0) -> str:
        """A task that ended so many days ago."""
        held = self.driver.held(task_type, "w")
        held.append(entries)
        assert self.driver.post(held.task_id, verb, held.identity).status_code == 200
        self.age(held.task_id, days=days)
        return held.task_id


@pytest.fixture(scope="module")
def house(service: Service, database_url: str, redis_url: str, redis_prefix: str) -> Iterator[House]:
    with (
        httpx.Client(base_url=service.url, timeout=30, trust_env=False) as client,
        psycopg.connect(database_url, autocommit=True) as sql,
    ):
        yield House(service.url, Driver(client, client), sql, database_url, redis_url, redis_prefix)


@pytest.fixture
def task_type() -> str:
    return f"type_{uuid4().hex[:8]}"


@pytest.mark.parametrize("verb", ["complete", "fail", "timeout"])
def test_what_ended_longer_ago_than_its_age_is_deleted(house: House, task_type: str, verb: str) -> None:
    old = [house.ended(task_type, 8, verb) for _ in range(3)]
    young = house.ended(task_type, 6, verb)

    house.walk()

    assert house.left(*old, young) == [young]


def test_its_stored_history_goes_with_it(house: House, task_type: str) -> None:
    old, young = house.ended(task_type, 8, entries=3), house.ended(task_type, 1, entries=3)

    house.walk()

    stored = "select task_id from tracker_progress where task_id = any(%s)"
    assert house.sql.execute(stored, [[old, young]]).fetchall() == [(young,)]


def test_unfinished_tasks_stay_however_old_they_are(house: House, task_type: str) -> None:
    pending = house.driver.new(task_type, timeoutSeconds=31_536_000)
    running = house.driver.held(task_type, "w", timeoutSeconds=31_536_000).task_id
    house.age(pending, running, days=100)

    house.walk()

    assert house.left(pending, running) == [pending, running]


def test_a_task_that_ran_long_counts_from_its_end(house: House, task_type: str) -> None:
    held = house.driver.held(task_type, "w", timeoutSeconds=31_536_000)
    house.age(held.task_id, days=30)
    held.complete()

    house.walk()

    assert house.left(held.task_id)


def test_types_have_ages_of_their_own(house: House, task_type: str) -> None:
    soon, never = f"{task_type}_soon", f"{task_type}_never"
    tasks = [house.ended(kind, days) for kind in (task_type, soon, never) for days in (3, 30)]

    house.walk(7 * DAY, **{soon: DAY, never: None})

    assert house.left(*tasks) == [tasks[0], tasks[4], tasks[5]]


def test_only_named_types_are_deleted_where_there_is_no_age_for_all(house: House, task_type: str) -> None:
    named, other = f"{task_type}_named", f"{task_type}_other"
    tasks = [house.ended(kind, 30) for kind in (named, other)]

    house.walk(None, **{named: 7 * DAY})

    assert house.left(*tasks) == [tasks[1]]


def test_a_root_stays_while_its_chain_goes_on(house: House, task_type: str) -> None:
    root = house.ended(task_type, 30, "fail")
    retry = house.driver.retry(root).json()["newTaskId"]
    house.driver.timeout(retry)
    latest = house.driver.retry(retry).json()["newTaskId"]
    house.age(retry, days=20)

    house.walk()
    assert house.left(root, retry, latest) == [root, latest]

    house.driver.timeout(latest)
    house.walk()
    assert house.left(root, latest) == [latest]


def test_a_task_that_owes_its_history_stays(house: House, task_type: str) -> None:
    task_id = house.ended(task_type, 30)
    set_debt = "update tracker_tasks set live_debt = %s where id = %s"
    house.sql.execute(set_debt, [True, task_id])
    # The service itself pays debts of more than two seconds ago: this one is of tomorrow, and so is our age.
    tomorrow = "update tracker_tasks set completed_at = now() + interval '1 day' where id = %s"
    house.sql.execute(tomorrow, [task_id])
    house.walk(-2 * DAY)
    assert house.left(task_id)

    house.sql.execute(set_debt, [False, task_id])
    house.walk(-2 * DAY)
    assert not house.left(task_id)


def test_an_id_is_free_again_and_its_new_task_has_nothing_of_the_old(house: House, task_type: str) -> None:
    old = house.ended(task_type, 8, entries=3)
    house.walk()
    assert house.keys(old) == []

    assert house.driver.register(task_type, taskId=old).status_code == 201
    held = Held(house.driver, old, "w2", house.driver.start(old, workerId="w2").json()["attempt"])
    held.append(2)
    house.walk()

    assert [entry["seqId"] for entry in held.task()["progressHistory"]] == [1, 2]
    assert held.complete().status_code == 200
    assert [entry["n"] for entry in held.task()["progressHistory"]] == [0, 1]


def test_a_log_whose_ender_died_is_stored_before_its_task_may_go(house: House, task_type: str) -> None:
    held = house.driver.held(task_type, "w")
    held.append(3)
    house.sql.execute(
        "update tracker_tasks set status = 'completed', completed_at = now() - interval '8 days',"
        " created_at = now() - interval '9 days' where id = %s",
        [held.task_id],
    )

    house.walk()
    assert [entry["seqId"] for entry in held.task()["progressHistory"]] == [1, 2, 3]
    assert house.sql.execute(
        "select history_upto from tracker_tasks where id = %s", [held.task_id]
    ).fetchall() == [(3,)]

    house.walk()
    assert not house.left(held.task_id)
    assert house.keys(held.task_id) == []


def test_whoever_holds_a_row_is_not_waited_for(house: House, task_type: str) -> None:
    held_back, free = house.ended(task_type, 8), house.ended(task_type, 8)
    with psycopg.connect(house.database_url) as other:
        other.execute("select from tracker_tasks where id = %s for update", [held_back])
        house.walk()
        assert house.left(held_back, free) == [held_back]
    house.walk()
    assert not house.left(held_back)


def test_what_may_not_go_does_not_keep_the_rest(house: House, task_type: str) -> None:
    """More tasks than one step looks at come first, and all ended lately."""
    rows = """
        insert into tracker_tasks
               (id, task_type, status, timeout_seconds, timeout_at, created_at, completed_at)
        select %(name)s || n, %(name)s, 'completed', 60, now(),
               now() - interval '20 days' + n * interval '1 ms',
               case when n <= 1200 then now() else now() - interval '10 days' end
        from generate_series(1, 2400) as n
    """
    house.sql.execute(rows, {"name": task_type})

    house.walk()

    left = "select count(*), max(completed_at) - min(completed_at) < interval '1 day' from tracker_tasks"
    assert house.sql.execute(f"{left} where task_type = %s", [task_type]).fetchall() == [(1200, True)]


def test_one_process_at_a_time_deletes(house: House, task_type: str) -> None:
    task_id = house.ended(task_type, 8)
    house.sql.execute("delete from tracker_turns")
    house.sql.execute(
        "insert into tracker_turns values ('retention', 'another', now() + interval '1 minute')"
    )

    asyncio.run(house._walk(Ages(DAY)))

    assert house.left(task_id)


def test_a_stream_whose_task_is_deleted_ends_without_a_final_event_and_is_404_then(
    house: House, task_type: str
) -> None:
    held = house.driver.held(task_type, "w")
    for _ in range(3):
        assert held.progress([{"text": "x" * 60_000} for _ in range(250)]).status_code == 200
    held.complete()
    with Connection(house.url) as connection:
        stream = Stream(connection, f"{TASKS}/{held.task_id}/track", {})
        assert stream.opening().id == "0"
        house.age(held.task_id, days=8)
        house.walk()
        frames = stream.rest()

    assert 0 < len(frames) < 750
    assert all(frame.envelope["event"] == "progress" for frame in frames)
    assert house.driver.get(held.task_id, "/track").status_code == 404


def test_a_root_registered_again_after_its_deletion_is_retried_beside_its_old_chain(house: House) -> None:
    driver, root = house.driver, f"nightly-{uuid4().hex[:8]}"
    driver.held("nightly", "w", taskId=root).fail(retry=False)
    again = driver.retry(root).json()["newTaskId"]
    driver.started(again, "w").complete()
    house.sql.execute("delete from tracker_tasks where id = %s", (root,))

    answer = driver.held("nightly", "w", taskId=root, maxRetries=2).fail()

    assert answer.status_code == 200, answer.text
    assert driver.task(answer.json()["newTaskId"])["retryCount"] == 2
