"""Redis comes back with older data: what it still has is kept, and answered for as before."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from faults.stores import OwnRedis, own
from services import Service, wait_for

Json = dict[str, Any]


@pytest.fixture(scope="module")
def redis() -> Iterator[OwnRedis]:
    with own(OwnRedis) as started:
        yield started


@pytest.fixture(scope="module")
def api(database_url: str, redis: OwnRedis) -> Iterator[httpx.Client]:
    with (
        Service(database_url, redis.url) as service,
        httpx.Client(base_url=f"{service.url}/api/v1/tasks", timeout=20, trust_env=False) as client,
    ):
        yield client


def report(api: httpx.Client, task_id: str, *numbers: int, attempt: int = 1) -> httpx.Response:
    entries = [{"seqId": number, "of": attempt} for number in numbers]
    return api.post(f"/{task_id}/progress", json={"progress": entries, "attempt": attempt})


def taken_back_to_three_entries(api: httpx.Client, redis: OwnRedis, task_id: str) -> list[Json]:
    """A running task of whose five entries Redis has lost two; what the first three were answered."""
    assert api.post("", json={"taskId": task_id, "taskType": task_id}).status_code == 201
    assert api.post(f"/{task_id}/start", json={}).status_code == 200
    answers = [report(api, task_id, number).json() for number in (1, 2, 3)]
    redis.remember()
    assert report(api, task_id, 4, 5).status_code == 200
    redis.kill()
    redis.start()
    assert wait_for(lambda: report(api, task_id, 6).status_code == 409, 10)
    return answers


def test_an_entry_that_survived_is_acknowledged_again(api: httpx.Client, redis: OwnRedis) -> None:
    first = taken_back_to_three_entries(api, redis, "again")

    assert [report(api, "again", number).json() for number in (1, 2, 3)] == first
    assert report(api, "again", 1, 2, 3).json() == first[2] | {"firstSeqId": 1}
    assert report(api, "again", 257).status_code == 200
    assert report(api, "again", 2, 3).json() == first[2] | {"firstSeqId": 2}

    assert api.post("/again/complete", json={}).status_code == 200
    history = api.get("/again").json()["progressHistory"]
    assert [entry["seqId"] for entry in history] == [1, 2, 3, 257]


@pytest.mark.parametrize("numbers", [(4,), (3, 4), (256, 257)], ids=str)
def test_an_entry_that_was_lost_is_a_gap(
    api: httpx.Client, redis: OwnRedis, numbers: tuple[int, ...]
) -> None:
    task_id = f"lost-{numbers[0]}-{len(numbers)}"
    taken_back_to_three_entries(api, redis, task_id)

    answer = report(api, task_id, *numbers)

    assert (answer.status_code, answer.json()["code"]) == (409, "seq_gap")
    assert answer.json()["details"] == {"expectedSeqId": 257}


def test_an_entry_that_survived_is_no_later_attempts(api: httpx.Client, redis: OwnRedis) -> None:
    taken_back_to_three_entries(api, redis, "other")
    assert api.post("/other/release", json={}).status_code == 200
    assert api.post("/other/start", json={}).json()["attempt"] == 2

    assert report(api, "other", 3, attempt=2).json()["code"] == "seq_gap"
    assert report(api, "other", 257, attempt=2).status_code == 200
