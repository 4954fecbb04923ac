"""Many tasks in a call: an outcome for each, whatever became of the others."""

import pytest

import tasktracker_client as sdk
from tasktracker_client import Completion, Done, Failure, NewTask, Refused, Report, TaskTracker

from .conftest import Connect, Through


def _registered(client: TaskTracker, task_type: str, count: int) -> list[str]:
    outcomes = client.register_many(NewTask(task_type=task_type, max_retries=0) for _ in range(count))
    assert all(outcome.ok for outcome in outcomes)
    return [outcome.task_id for outcome in outcomes if isinstance(outcome, Done)]


def test_a_life_of_many(client: TaskTracker, task_type: str) -> None:
    ids = _registered(client, task_type, 6)
    rows = client.claim_many(task_type, worker_id="w", limit=10, lease_seconds=30)
    reported = client.progress_many(Report(row, [{"n": 1}, {"n": 2}]) for row in rows)
    beaten = client.heartbeat_many(rows, lease_seconds=60)
    released = client.release_many(rows[5:])
    cancelled = client.cancel_many(rows[4:], reason="enough")
    completed = client.complete_many([rows[0], Completion(rows[1], {"ok": True}, progress={"n": 3})])
    failed = client.fail_many([rows[2], Failure(rows[3], "broken", retry=False)])

    assert [row.id for row in rows] == ids
    outcomes = [*reported, *beaten, *released, *cancelled, *completed, *failed]
    assert [outcome for outcome in outcomes if not outcome.ok] == []
    assert [one.answer.seq_id for one in reported if one.ok] == [2] * 6
    assert [one.answer.status for one in cancelled if one.ok] == ["in_progress", "failed"]
    statuses = [client.get(task_id, progress=False).status for task_id in ids]
    assert statuses == ["completed", "completed", "failed", "failed", "in_progress", "failed"]
    assert client.get(ids[1]).result == {"ok": True}
    assert client.get(ids[3]).error == "broken"


def test_one_bad_item_spoils_only_itself(client: TaskTracker, task_type: str) -> None:
    ids = _registered(client, task_type, 2)
    rows = client.claim_many(task_type, worker_id="w", limit=1)
    outcomes = client.complete_many([rows[0], ids[1], "nobody-1", Completion(rows[0], worker_id="another")])

    match outcomes:
        case [Done(task_id=first), Refused(error=second), Refused(task_id=third), Refused()]:
            assert first == ids[0]
            assert isinstance(second, sdk.WrongStatus)
            assert third == "nobody-1"
        case _:
            raise AssertionError(outcomes)


def test_a_refusal_in_many_tells_as_much_as_one_alone(client: TaskTracker) -> None:
    (outcome,) = client.heartbeat_many(["nobody-1"])
    assert isinstance(outcome, Refused)

    assert isinstance(outcome.error, sdk.TaskNotFound)
    assert (outcome.error.status, outcome.error.code) == (404, "task_not_found")


def test_more_than_a_call_may_have_are_several_calls(
    connect: Connect, through: Through, task_type: str
) -> None:
    proxy = through()
    client = connect(proxy.url)
    outcomes = client.register_many(NewTask(task_type=task_type, params={"n": n}) for n in range(2_001))
    rows = [row for _ in range(3) for row in client.claim_many(task_type, worker_id="w", limit=1_000)]

    assert proxy.count("/bulk/register") == 3
    assert [one.task_id for one in outcomes] == [row.id for row in rows]
    assert [row.params for row in rows] == [{"n": n} for n in range(2_001)]


def test_large_items_are_cut_by_their_size(connect: Connect, through: Through, task_type: str) -> None:
    proxy = through()
    client = connect(proxy.url)
    large = {"text": "x" * 900_000}
    outcomes = client.register_many(NewTask(task_type=task_type, params=large) for _ in range(30))

    assert all(one.ok for one in outcomes)
    assert proxy.count("/bulk/register") > 1


def test_nothing_is_no_call(connect: Connect, through: Through) -> None:
    proxy = through()
    client = connect(proxy.url)

    assert client.register_many([]) == []
    assert client.complete_many([]) == []
    assert proxy.requests == []


def test_taken_ids_in_many(client: TaskTracker, task_type: str) -> None:
    same = NewTask(task_type=task_type, task_id=f"{task_type}.own", params={"n": 1})
    other = NewTask(task_type=task_type, task_id=f"{task_type}.own", params={"n": 2})
    client.register_many([same])
    refused = client.register_many([same])
    settled, taken = client.register_many([same, other], exist_ok=True)

    assert [type(one) for one in refused] == [Refused]
    assert isinstance(settled, Done)
    assert isinstance(taken, Refused)
    assert isinstance(taken.error, sdk.TaskExists)


def test_what_is_no_task_is_told_before_anything_is_sent(client: TaskTracker, task_type: str) -> None:
    ids = _registered(client, task_type, 1)
    with pytest.raises(TypeError, match="int"):
        client.cancel_many([ids[0], 7])  # type: ignore[list-item]

    assert client.get(ids[0]).status == "pending"


def test_a_text_is_one_task_and_not_its_letters(client: TaskTracker, task_type: str) -> None:
    (task_id,) = _registered(client, task_type, 1)
    (outcome,) = client.cancel_many(task_id)
    assert isinstance(outcome, Done)
    with client.events(tasks=task_id, task_types=task_type) as events:
        ready = next(events)

    assert isinstance(ready, sdk.Ready)
    assert (ready.task_ids, ready.task_types) == ((task_id,), (task_type,))


def test_what_is_no_item_is_told_by_its_type(client: TaskTracker) -> None:
    with pytest.raises(TypeError, match="expected a NewTask, not dict"):
        client.register_many([{"task_type": "a"}])  # type: ignore[list-item]
    with pytest.raises(TypeError, match="expected a Report, not str"):
        client.progress_many(["a"])  # type: ignore[list-item]


def test_an_item_that_can_not_be_written_is_told_before_anything_is_sent(
    connect: Connect, through: Through, task_type: str
) -> None:
    """It is of a later call than the first ones."""
    proxy = through()
    many = [NewTask(task_type=task_type, params={"n": n}) for n in range(1_500)]
    many.append(NewTask(task_type=task_type, params={"n": object()}))
    with pytest.raises(TypeError, match="object"):
        connect(proxy.url).register_many(many)

    assert proxy.requests == []
