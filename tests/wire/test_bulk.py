"""Bulk calls: an outcome for each item, in the order of the request."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from .driver import Driver, Held, Json, unique
from .shapes import assert_error, numbers

VERBS = ["progress", "complete", "fail", "heartbeat", "release", "cancel"]
every_verb = pytest.mark.parametrize("verb", VERBS)


@pytest.fixture
def several(driver: Driver, task_type: str, worker: str) -> Callable[[int], list[Held]]:
    """Makes tasks in progress."""
    return lambda count: [driver.held(task_type, worker) for _ in range(count)]


def item(held: Held, verb: str, **fields: Any) -> Json:
    identity: Json = {} if verb == "cancel" else held.identity
    entry: Json = {"progress": {}} if verb == "progress" else {}
    return {"taskId": held.task_id, **identity, **entry, **fields}


@every_verb
def test_an_outcome_is_the_single_calls_answer_with_two_fields_more(
    driver: Driver, several: Callable[[int], list[Held]], verb: str
) -> None:
    one, other = several(2)
    single = driver.post(one.task_id, verb, item(one, verb))

    (outcome,) = driver.outcomes(verb, [item(other, verb)])

    expected = {**single.json(), "taskId": other.task_id, "statusCode": 200}
    assert outcome.keys() == expected.keys()
    times = outcome.keys() & {"updatedAt", "timestamp", "timeoutAt"}
    assert {**outcome, **dict.fromkeys(times)} == {**expected, **dict.fromkeys(times)}


@every_verb
def test_outcomes_come_in_the_order_of_the_request(
    driver: Driver, several: Callable[[int], list[Held]], verb: str
) -> None:
    tasks = several(5)

    outcomes = driver.outcomes(verb, [item(held, verb) for held in reversed(tasks)])

    assert [outcome["taskId"] for outcome in outcomes] == [held.task_id for held in reversed(tasks)]
    assert {outcome["statusCode"] for outcome in outcomes} == {200}


@every_verb
def test_a_bad_item_spoils_only_itself(
    driver: Driver, several: Callable[[int], list[Held]], verb: str
) -> None:
    (held,) = several(1)
    unknown = unique("unknown")
    items = [
        {"taskId": unknown, "progress": {}},
        {"progress": {}},
        {"taskId": "a b"},
        7,
        {"taskId": held.task_id, "workerId": 7, "reason": 7, "progress": {}},
        item(held, verb),
    ]

    outcomes = driver.outcomes(verb, items)

    codes = [(outcome["statusCode"], outcome.get("code")) for outcome in outcomes]
    assert codes == [(404, "task_not_found"), *[(400, "invalid_request")] * 4, (200, None)]
    assert [outcome["taskId"] for outcome in outcomes] == [
        unknown,
        None,
        None,
        None,
        held.task_id,
        held.task_id,
    ]
    assert "`$.items[1].taskId`" in outcomes[1]["message"] or "`$.items[1]`" in outcomes[1]["message"]
    assert "$.items[4]." in outcomes[4]["message"]
    assert all(outcome["requestId"] and outcome["error"] for outcome in outcomes[:5])


DEEP = b"[" * 5_000 + b"]" * 5_000
UNREADABLE = [rb'"\ud800"', rb'{"\udc00":1}', rb'"\ud800\u0041"', DEEP, b'{"a":' + DEEP + b"}"]
unreadable = pytest.mark.parametrize(
    "value",
    UNREADABLE,
    ids=["half a pair", "half a pair in a name", "half and a letter", "deep", "deep within"],
)


def bulk_of(driver: Driver, verb: str, *items: bytes) -> httpx.Response:
    field = b"tasks" if verb == "register" else b"items"
    return driver.write.post(f"/api/v1/tasks/bulk/{verb}", content=b'{"%b":[%b]}' % (field, b",".join(items)))


@pytest.mark.parametrize("padding", [0, 1_500_000], ids=["small", "large"])
@pytest.mark.parametrize("verb", [*VERBS, "register"])
@unreadable
def test_a_value_that_cannot_be_read_spoils_only_its_item(
    driver: Driver,
    several: Callable[[int], list[Held]],
    task_type: str,
    verb: str,
    value: bytes,
    padding: int,
) -> None:
    (held,) = several(1)
    fields = {"taskType": task_type} if verb == "register" else item(held, verb)
    good = json.dumps(fields).encode()
    bad = b'{"x":%b,%b' % (value, good[1:])
    beside = b'{"x":"%b",%b' % (b"x" * (padding // 2), good[1:])

    answer = bulk_of(driver, verb, beside, bad, beside)

    assert answer.status_code == 200, answer.text
    first, spoilt, last = answer.json()["results"]
    assert (spoilt["statusCode"], spoilt["code"]) == (400, "invalid_request")
    assert "[1]" in spoilt["message"]
    assert {first["statusCode"], last["statusCode"]} <= {200, 201}


@unreadable
def test_a_body_that_is_not_json_is_refused_as_a_whole_whatever_else_is_in_it(
    driver: Driver, held: Held, value: bytes
) -> None:
    good = json.dumps(item(held, "heartbeat")).encode()
    bad = b'{"x":%b,%b' % (value, good[1:])

    for broken in ([bad, b"7x"], [bad, good[:-1]], [bad, b'{"a" 1}'], [bad, b""], [bad, b"[}"]):
        assert_error(bulk_of(driver, "heartbeat", *broken), 400, "invalid_json")


@pytest.mark.parametrize("mistake", [b"nul", b'{"a" 1}', b"[1,]", b'"\n"', b'"\\x"', b""])
def test_a_large_body_that_is_not_json_is_refused_as_a_whole(
    driver: Driver, held: Held, mistake: bytes
) -> None:
    good = json.dumps({**item(held, "progress"), "x": "x" * 1_500_000}).encode()

    assert_error(bulk_of(driver, "progress", good, mistake), 400, "invalid_json")
    assert held.page()["lastSeqId"] in (None, 0)


def test_an_item_of_a_large_body_may_hold_many_entries(held: Held) -> None:
    items = [item(held, "progress", progress=[{"text": "é" * 5_000}] * 300), item(held, "progress")]

    outcomes = held.driver.outcomes("progress", items)

    assert [outcome["seqId"] for outcome in outcomes] == [300, 301]


def test_tasks_are_registered_in_their_order(driver: Driver, task_type: str, worker: str) -> None:
    named = unique("named")
    tasks = [{"taskType": task_type}, {"taskType": task_type, "taskId": named}, {"taskType": task_type}]

    outcomes = driver.outcomes("register", tasks)

    assert [outcome["statusCode"] for outcome in outcomes] == [201] * 3
    assert set(outcomes[0]) == {"statusCode", "taskId", "status", "createdAt", "timeoutAt"}
    assert outcomes[1]["taskId"] == named
    claimed = [driver.taken(task_type, worker=worker).task_id for _ in range(3)]
    assert claimed == [outcome["taskId"] for outcome in outcomes]


def test_a_bad_registration_spoils_only_itself(driver: Driver, task_type: str) -> None:
    taken = driver.new(task_type)
    tasks = [
        {"taskType": task_type, "taskId": taken},
        {"taskId": unique()},
        {"taskType": task_type, "priority": 99_999},
        {"taskType": task_type},
    ]

    outcomes = driver.outcomes("register", tasks)

    assert [outcome["statusCode"] for outcome in outcomes] == [409, 400, 400, 201]
    assert outcomes[0]["code"] == "task_exists"
    assert outcomes[0]["details"]["existing"]["taskId"] == taken
    assert "$.tasks[1]" in outcomes[1]["message"]
    assert "$.tasks[2].priority" in outcomes[2]["message"]


def test_the_same_id_twice_is_registered_once(driver: Driver, task_type: str) -> None:
    task_id = unique("twice")

    outcomes = driver.outcomes("register", [{"taskType": task_type, "taskId": task_id}] * 2)

    assert [outcome["statusCode"] for outcome in outcomes] == [201, 409]
    assert outcomes[1]["details"]["sameRequest"] is True


def test_several_entries_for_one_task_keep_their_order(held: Held) -> None:
    items = [item(held, "progress", progress={"n": n}) for n in range(100)]

    outcomes = held.driver.outcomes("progress", items)

    assert [outcome["seqId"] for outcome in outcomes] == list(range(1, 101))
    assert [entry["n"] for entry in held.task()["progressHistory"]] == list(range(100))


def test_entries_keep_their_order_where_the_block_of_numbers_ends(held: Held) -> None:
    held.progress([{}] * 250)
    items = [item(held, "progress", progress=[{"first": True}] * 10), item(held, "progress")]

    outcomes = held.driver.outcomes("progress", items)

    assert [outcome["seqId"] for outcome in outcomes] == [260, 261]
    assert ["first" in entry for entry in held.task()["progressHistory"][250:]] == [True] * 10 + [False]


@pytest.mark.parametrize("verb", ["complete", "fail", "release"])
def test_the_same_task_twice_is_done_once_and_answered_twice(held: Held, verb: str) -> None:
    outcomes = held.driver.outcomes(verb, [item(held, verb)] * 3)

    assert [outcome["statusCode"] for outcome in outcomes] == [200] * 3
    assert outcomes[0] == outcomes[1] == outcomes[2]


def test_two_ends_of_one_task_have_one_winner(held: Held) -> None:
    items = [item(held, "complete", result=n) for n in range(3)]

    held.driver.outcomes("complete", items)

    assert held.task()["result"] == 0


def test_a_thousand_go_through_their_life_in_six_calls(driver: Driver, task_type: str, worker: str) -> None:
    ids = [outcome["taskId"] for outcome in driver.outcomes("register", [{"taskType": task_type}] * 1000)]
    assert len(set(ids)) == 1000
    for task_id in ids[:3]:
        driver.start(task_id, workerId=worker)
    known = [{"taskId": task_id} for task_id in ids]

    reported = driver.outcomes("progress", [{**one, "progress": {"n": 1}} for one in known])
    completed = driver.outcomes("complete", [{**one, "result": 1} for one in known])
    cancelled = driver.outcomes("cancel", known)

    for outcomes in (reported, completed):
        assert [outcome["statusCode"] for outcome in outcomes] == [200] * 3 + [409] * 997
    assert [outcome["statusCode"] for outcome in cancelled] == [409] * 3 + [200] * 997
    assert numbers(driver.task(ids[0])["progressHistory"]) == [1]


def test_an_end_may_carry_its_last_entry_and_the_next_claim(
    driver: Driver, several: Callable[[int], list[Held]], task_type: str
) -> None:
    first, second = several(2)
    second.append(1)
    waiting = [driver.new(task_type) for _ in range(2)]
    wanted = {"next": {"taskTypes": [task_type]}, "progress": {"last": 1}}

    outcomes = driver.outcomes("complete", [item(held, "complete", **wanted) for held in (first, second)])

    assert sorted(outcome["next"]["id"] for outcome in outcomes) == sorted(waiting)
    assert [numbers(held.task()["progressHistory"]) for held in (first, second)] == [[1], [1, 2]]


@pytest.mark.parametrize("verb", [*VERBS, "register"])
@pytest.mark.parametrize(
    "items", [None, [], [{}] * 1001, {}, "x"], ids=["none", "0", "1001", "object", "text"]
)
def test_one_to_a_thousand_items(driver: Driver, verb: str, items: object) -> None:
    field = "tasks" if verb == "register" else "items"
    answer = driver.write.post(f"/api/v1/tasks/bulk/{verb}", json={field: items})

    assert_error(answer, 400, "invalid_request")
    assert field in answer.json()["message"]


def test_an_item_has_the_limit_of_a_single_body(driver: Driver, several: Callable[[int], list[Held]]) -> None:
    small, large = several(2)
    items = [item(large, "complete", result="x" * 1_100_000), item(small, "complete", result="x" * 900_000)]

    outcomes = driver.outcomes("complete", items)

    assert [(outcome["statusCode"], outcome.get("code")) for outcome in outcomes] == [
        (413, "too_large"),
        (200, None),
    ]
    assert large.task()["status"] == "in_progress"
