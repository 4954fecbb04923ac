"""How many statements calls cost: what is asked for many times at once is asked of PostgreSQL once."""

import asyncio
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from tasktracker_schema.requests import (
    CancelTask,
    ClaimTask,
    HeartbeatTask,
    RegisterTask,
    ReleaseTask,
    StartTask,
)
from tasktracker_server.core.errors import Overloaded
from tasktracker_server.service.service import Service
from tasktracker_server.store.database import Database

COUNT = 1_000


@pytest.fixture
def statements(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often each statement was run."""
    counted: Counter[str] = Counter()
    fetch = Database.fetch

    async def counting(self: Database, name: str, params: Any, *, repeat: bool = True) -> list[Any]:
        counted[name] += 1
        return await fetch(self, name, params, repeat=repeat)

    monkeypatch.setattr(Database, "fetch", counting)
    return counted


async def held(service: Service) -> str:
    task = await service.single.tasks.register(RegisterTask(task_type="a"))
    await service.single.tasks.start(task.task_id, StartTask(worker_id="w"))
    return task.task_id


def test_a_thousand_equal_heartbeats_in_a_call_are_one_statement(
    within: Callable[..., Any], statements: Counter[str]
) -> None:
    wanted = HeartbeatTask(worker_id="w", attempt=1, lease_seconds=30)

    async def story(service: Service) -> list[Any]:
        task_id = await held(service)
        return await asyncio.gather(*(service.bulk.leases.heartbeat(task_id, wanted) for _ in range(COUNT)))

    answers = within(story)

    assert statements["heartbeat"] == 1
    assert len(answers) == COUNT
    assert len({answer.lease_expires_at for answer in answers}) == 1


def test_a_thousand_different_heartbeats_for_one_task_are_few_statements_and_the_rest_is_told_so(
    within: Callable[..., Any], statements: Counter[str]
) -> None:
    async def story(service: Service) -> list[Any]:
        task_id = await held(service)
        beats = [HeartbeatTask(worker_id="w", attempt=1, lease_seconds=30 + n) for n in range(COUNT)]
        return await asyncio.gather(
            *(service.bulk.leases.heartbeat(task_id, wanted) for wanted in beats), return_exceptions=True
        )

    answers = within(story)

    assert statements["heartbeat"] <= 40
    refused = [answer for answer in answers if isinstance(answer, BaseException)]
    assert len(refused) == COUNT - statements["heartbeat"]
    assert all(isinstance(error, Overloaded) for error in refused)


def test_a_claim_beside_a_thousand_of_as_many_types_waits_for_a_statement_or_two(
    within: Callable[..., Any], statements: Counter[str]
) -> None:
    async def story(service: Service) -> list[int]:
        claims = service.claims
        before: list[int] = []

        async def beside(claim: Callable[[ClaimTask], Any], worker: str) -> None:
            await claim(ClaimTask(task_types=["a", "b"], worker_id=worker))
            before.append(statements["claim_many_types"])

        for claim in (claims.claim, claims.claim_bare):
            statements.clear()
            many = asyncio.gather(
                *(claim(ClaimTask(task_types=["x", str(n)], worker_id="many")) for n in range(COUNT))
            )
            await asyncio.gather(*(beside(claim, f"w{n}") for n in range(3)))
            await many
            assert statements["claim_many_types"] == COUNT + 1
        return before

    # A statement or two, and those that pass by while a new connection is opened for it.
    assert max(within(story)) < COUNT // 20


@pytest.mark.parametrize("verb", ["release", "cancel"])
def test_a_thousand_equal_hand_backs_or_cancels_are_one_statement(
    within: Callable[..., Any], statements: Counter[str], verb: str
) -> None:
    async def story(service: Service) -> list[Any]:
        task_id = await held(service)
        if verb == "release":
            wanted = ReleaseTask(worker_id="w", attempt=1)
            return await asyncio.gather(*(service.bulk.leases.release(task_id, wanted) for _ in range(COUNT)))
        return await asyncio.gather(
            *(service.bulk.finishing.cancel(task_id, CancelTask()) for _ in range(COUNT))
        )

    answers = within(story)

    assert statements[verb] == 1
    assert all(answer == answers[0] for answer in answers)
