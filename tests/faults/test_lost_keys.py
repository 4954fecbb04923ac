"""Redis loses its keys: numbers never come again, what was lost is told, and tasks still end."""

from collections.abc import Iterator

import httpx
import pytest

from services import Service, lose_keys


@pytest.fixture
def api(service: Service) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=f"{service.url}/api/v1/tasks", timeout=10, trust_env=False) as client:
        yield client


def started(api: httpx.Client, task_id: str) -> None:
    assert api.post("", json={"taskId": task_id, "taskType": "lost"}).status_code == 201
    assert api.post(f"/{task_id}/start", json={}).status_code == 200


def report(api: httpx.Client, task_id: str) -> int:
    answer = api.post(f"/{task_id}/progress", json={"progress": {}})
    assert answer.status_code == 200, answer.text
    return int(answer.json()["seqId"])


def test_a_loss_between_entries_is_told_as_one_gap_and_numbers_go_on(
    api: httpx.Client, redis_url: str, redis_prefix: str
) -> None:
    started(api, "between")
    before = [report(api, "between") for _ in range(3)]
    lose_keys(redis_url, redis_prefix)
    after = [report(api, "between") for _ in range(2)]

    assert api.post("/between/complete", json={}).status_code == 200
    stream = api.get("/between/track").text
    task = api.get("/between").json()

    assert before == [1, 2, 3]
    assert after == [after[0], after[0] + 1]
    assert after[0] > 3
    assert [entry["seqId"] for entry in task["progressHistory"]] == after
    assert stream.count("event: gap") == 1
    assert f'{{"fromSeqId":1,"toSeqId":{after[0] - 1}}}' in stream


def test_a_loss_before_the_end_is_told_before_the_final_event(
    api: httpx.Client, redis_url: str, redis_prefix: str
) -> None:
    started(api, "end")
    report(api, "end")
    lose_keys(redis_url, redis_prefix)

    assert api.post("/end/complete", json={}).status_code == 200
    stream = api.get("/end/track").text

    assert stream.index("event: gap") < stream.index("event: status_change")


def test_a_task_without_progress_loses_nothing_and_is_told_nothing(
    api: httpx.Client, redis_url: str, redis_prefix: str
) -> None:
    started(api, "quiet")
    lose_keys(redis_url, redis_prefix)

    assert api.post("/quiet/complete", json={}).status_code == 200

    assert "event: gap" not in api.get("/quiet/track").text


def test_a_live_tracker_hears_of_the_loss_and_of_the_end(
    api: httpx.Client, redis_url: str, redis_prefix: str
) -> None:
    started(api, "live")
    report(api, "live")
    with api.stream("GET", "/live/track", params={"heartbeatSeconds": 1}) as stream:
        lines = stream.iter_lines()
        assert next(line for line in lines if line.startswith("id: 1")) == "id: 1"
        lose_keys(redis_url, redis_prefix)
        number = report(api, "live")
        assert api.post("/live/complete", json={}).status_code == 200
        rest = "\n".join(lines)

    assert f'{{"fromSeqId":2,"toSeqId":{number - 1}}}' in rest
    assert rest.index("event: gap") < rest.index(f"id: {number}\n") < rest.index(f"id: {number}.completed")
