"""PostgreSQL is killed, stopped or frozen under load: calls are refused in time, and nothing is lost."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest

from faults.calling import Answer, Caller, started, until
from faults.load import Worker, assert_whole
from faults.stores import OwnPostgres, own
from faults.trackers import Tracker
from services import Service

STATEMENT_SECONDS = 1.0
BOUND = 7.0
"""Seconds within which any call is answered: behind another batch, each first connecting, then silent."""
AWAY_SECONDS = 3.0
SECONDS = 90
REFUSED = {"postgres_unavailable", "outcome_unknown", "overloaded"}


@contextmanager
def away(postgres: OwnPostgres, how: str) -> Iterator[None]:
    if how == "frozen":
        with postgres.frozen():
            yield
        return
    postgres.kill() if how == "killed" else postgres.stop()
    yield
    postgres.start()


class Submitter:
    """Registers and ends tasks one after the other, and remembers what was acknowledged."""

    def __init__(self, caller: Caller, name: str) -> None:
        self.caller = caller
        self.name = name
        self.registered: list[str] = []
        self.completed: list[str] = []
        self.answers: list[Answer] = []

    async def submit_on(self, until: asyncio.Event) -> None:
        number = 0
        while not until.is_set():
            number += 1
            task_id = f"{self.name}-{number}"
            if await self._call("", {"taskId": task_id, "taskType": "submitted"}):
                self.registered.append(task_id)
                await self._call(f"/{task_id}/start", {})
                if await self._call(f"/{task_id}/complete", {"result": task_id}):
                    self.completed.append(task_id)

    async def _call(self, path: str, body: object) -> bool:
        answer = await self.caller.post(path, body)
        self.answers.append(answer)
        if answer.status == 503:
            await asyncio.sleep(0.05)
        return answer.status in {200, 201}

    async def assert_all_is_kept(self) -> None:
        for task_id in self.registered:
            task = await self.caller.get(f"/{task_id}")
            assert task.status == 200, f"{task_id} was registered and is gone"
            if task_id in self.completed:
                assert (task.body["status"], task.body["result"]) == ("completed", task_id)


async def lose_postgres_under_load(postgres: OwnPostgres, url: str, how: str) -> None:
    over = asyncio.Event()
    async with Caller(url) as caller:
        workers = [Worker(f"{how}-{n}", caller) for n in range(4)]
        submitters = [Submitter(caller, f"{how}-s{n}") for n in range(4)]
        trackers = [Tracker(worker.task_id, url) for worker in workers]
        await started(caller, [worker.task_id for worker in workers])
        loads = [worker.report_on(over, pause=0.01) for worker in workers]
        loads += [submitter.submit_on(over) for submitter in submitters]
        running = [asyncio.create_task(load) for load in loads]
        following = [asyncio.create_task(tracker.follow()) for tracker in trackers]
        await asyncio.sleep(0.5)
        with away(postgres, how):
            await without_postgres(caller)
        before = {one: len(one.completed) for one in submitters}
        await until(lambda: all(len(one.completed) >= before[one] + 3 for one in submitters), 15)
        ready = await caller.call("GET", "/readyz")
        assert (ready.status, ready.body["postgres"]) == (200, "ok")
        over.set()
        await asyncio.gather(*running)
        await asyncio.gather(*(worker.end() for worker in workers))
        await asyncio.wait_for(asyncio.gather(*following), 20)
        for worker, tracker in zip(workers, trackers, strict=True):
            task = (await caller.get(f"/{worker.task_id}")).body
            assert_whole(task, worker)
            assert worker.acknowledged.items() <= tracker.calls.items()
            assert tracker.connections == 1, "streams stay open"
        for submitter in submitters:
            await submitter.assert_all_is_kept()
            assert_refused_well(submitter.answers)


async def without_postgres(caller: Caller) -> None:
    loop = asyncio.get_running_loop()
    deadline = loop.time() + AWAY_SECONDS
    answers = [await caller.get("/none")]
    while loop.time() < deadline:
        answers += await asyncio.gather(
            caller.post("", {"taskType": "a"}),
            caller.post("/claim", {"taskTypes": ["a"], "workerId": "w"}),
            caller.get("/none"),
            caller.get("?limit=1"),
            caller.post("/none/complete", {}),
            caller.post("/none/heartbeat", {"workerId": "w", "attempt": 1}),
            caller.post("/bulk/register", {"tasks": [{"taskType": "a"}]}),
        )
        ready = await caller.call("GET", "/readyz")
        assert (ready.status, ready.body["postgres"]) == (503, "unavailable")
        assert ready.seconds < BOUND
    assert {answer.status for answer in answers} <= {200, 503}
    assert_refused_well(answers)
    assert "postgres_unavailable" in {answer.code for answer in answers}


def assert_refused_well(answers: list[Answer]) -> None:
    odd = [answer for answer in answers if answer.status not in {200, 201, 404, 409, 503}]
    assert not odd
    refused = {answer.code for answer in answers if answer.status == 503}
    assert refused <= REFUSED
    assert max(answer.seconds for answer in answers) < BOUND


@pytest.fixture
def postgres() -> Iterator[OwnPostgres]:
    with own(OwnPostgres) as started:
        yield started


@pytest.fixture
def service(postgres: OwnPostgres, redis_url: str, redis_prefix: str) -> Iterator[Service]:
    env = {"TASK_TRACKER_STATEMENT_TIMEOUT_SECONDS": str(STATEMENT_SECONDS)}
    with Service(postgres.url, redis_url, redis_prefix=redis_prefix, env=env) as started:
        yield started


@pytest.mark.parametrize("how", ["killed", "frozen", pytest.param("stopped", marks=pytest.mark.slow)])
def test_calls_are_refused_in_time_and_nothing_is_lost(
    postgres: OwnPostgres, service: Service, how: str
) -> None:
    asyncio.run(asyncio.wait_for(lose_postgres_under_load(postgres, service.url, how), SECONDS))
    assert "Traceback" not in service.logs()


@pytest.mark.parametrize("verb", ["complete", "heartbeat"])
def test_a_row_locked_by_hand_holds_up_its_own_task_only(
    database_url: str, redis_url: str, redis_prefix: str, verb: str
) -> None:
    locked, free = f"{verb}-locked", [f"{verb}-{n}" for n in range(20)]
    worker = {"workerId": "w", "attempt": 1}

    async def scenario(url: str) -> None:
        async with Caller(url) as caller:
            await started(caller, [locked, *free])
            async with await psycopg.AsyncConnection.connect(database_url) as connection:
                await connection.execute("select from tracker_tasks where id = %s for update", [locked])
                held_up = asyncio.create_task(caller.post(f"/{locked}/{verb}", worker))
                others = [await caller.get(f"/{locked}")]
                for call in ("progress", "heartbeat", "complete"):
                    body = {"progress": {}} if call == "progress" else worker
                    others += await asyncio.gather(*(caller.post(f"/{one}/{call}", body) for one in free))
                assert {answer.status for answer in others} == {200}
                assert max(answer.seconds for answer in others) < 2
                answer = await held_up
                assert (answer.status, answer.code) == (503, "overloaded")
                assert answer.seconds < BOUND
            assert (await caller.post(f"/{locked}/{verb}", worker)).status == 200

    with Service(database_url, redis_url, redis_prefix=redis_prefix) as service:
        asyncio.run(asyncio.wait_for(scenario(service.url), SECONDS))
