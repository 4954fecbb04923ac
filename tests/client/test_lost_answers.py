"""Answers that are lost on the way: the service has carried the call out, and the client does not know."""

import time
from collections.abc import Iterator

import pytest

import tasktracker_client as sdk
from tasktracker_client import Completion, Failure, NewTask, Next, Report, Task, TaskTracker

from .conftest import Connect, Through
from .proxy import Answered, Dropped, Fate, Proxy, Swallowed, always, first


@pytest.fixture
def proxy(through: Through) -> Proxy:
    """Loses nothing until it is told to."""
    return through()


@pytest.fixture
def lossy(connect: Connect, proxy: Proxy) -> TaskTracker:
    """A client behind the proxy."""
    return connect(proxy.url)


def test_a_registration_is_no_second_task(
    lossy: TaskTracker, proxy: Proxy, client: TaskTracker, task_type: str
) -> None:
    proxy.rule = first(2, Dropped())
    registered = lossy.register(task_type, {"n": 1})

    assert [row.id for row in client.tasks(task_type=task_type)] == [registered.task_id]
    assert registered.created_at == client.get(registered).created_at
    assert len(proxy.requests) == 3


def test_a_registration_under_an_id_given_is_told_from_somebody_elses(
    lossy: TaskTracker, proxy: Proxy, client: TaskTracker, task_type: str
) -> None:
    proxy.rule = first(1, Dropped())
    assert lossy.register(task_type, {"n": 1}, task_id=f"{task_type}.own").status == "pending"
    client.register(task_type, {"n": 2}, task_id=f"{task_type}.taken")
    proxy.rule = first(1, Dropped())
    with pytest.raises(sdk.OutcomeUnknown) as unknown:
        lossy.register(task_type, {"n": 3}, task_id=f"{task_type}.taken")

    assert isinstance(unknown.value.__cause__, sdk.TaskExists)


def test_a_page_in_answer_to_a_repeat_is_no_answer(
    lossy: TaskTracker, proxy: Proxy, client: TaskTracker, task_type: str
) -> None:
    """Carried out, its answer lost; then a proxy says something of its own, with a status of success."""
    page = Answered("200 OK", b"<html>be back soon</html>", "Content-Type: text/html\r\n")
    fates: Iterator[Fate] = iter([Dropped(), page])
    proxy.rule = lambda method, path: next(fates, None)
    registered = lossy.register(task_type)
    assert [row.id for row in client.tasks(task_type=task_type)] == [registered.task_id]

    proxy.rule = always(page)
    with pytest.raises(sdk.OutcomeUnknown, match="the answer is not"):
        lossy.register(task_type)


def test_many_registrations_are_cleared_up_as_one_is(
    lossy: TaskTracker, proxy: Proxy, client: TaskTracker, task_type: str
) -> None:
    proxy.rule = first(1, Dropped())
    own = f"{task_type}.own"
    outcomes = lossy.register_many([NewTask(task_type=task_type, task_id=own), NewTask(task_type=task_type)])

    assert [type(one) for one in outcomes] == [sdk.Done, sdk.Done]
    assert {row.id for row in client.tasks(task_type=task_type)} == {one.task_id for one in outcomes}


def test_a_claim_finds_its_task_again(
    lossy: TaskTracker, proxy: Proxy, client: TaskTracker, task_type: str
) -> None:
    ids = [client.register(task_type).task_id for _ in range(2)]
    proxy.rule = first(2, Dropped())
    task = lossy.claim(task_type, worker_id="w")
    assert task is not None

    assert (task.id, task.attempt) == (ids[0], 1)
    assert client.get(ids[1]).status == "pending"


def test_a_claim_that_comes_with_an_end_finds_its_task_again(
    lossy: TaskTracker, proxy: Proxy, held: Task, client: TaskTracker
) -> None:
    ids = [client.register(held.task_type).task_id for _ in range(2)]
    proxy.rule = first(2, Dropped())
    following = lossy.complete(held, next=Next([held.task_type])).next
    assert isinstance(following, Task)

    assert following.id == ids[0]
    assert client.get(ids[1]).status == "pending"


def test_a_start_is_known_by_its_worker(
    lossy: TaskTracker, proxy: Proxy, client: TaskTracker, task_type: str
) -> None:
    registered = client.register(task_type)
    proxy.rule = first(1, Dropped())
    started = lossy.start(registered, lease_seconds=30)
    task = client.get(registered)

    assert (started.attempt, started.status, task.attempt) == (1, "in_progress", 1)
    assert started.lease_expires_at == task.lease_expires_at


def test_a_start_by_somebody_else_is_not_taken_for_ones_own(
    lossy: TaskTracker, proxy: Proxy, held: Task
) -> None:
    proxy.rule = first(1, Dropped())
    with pytest.raises(sdk.OutcomeUnknown):
        lossy.start(held)


def test_an_answer_that_is_cleared_up_by_a_look_is_so_although_the_look_is_lost_too(
    lossy: TaskTracker, proxy: Proxy, client: TaskTracker, task_type: str
) -> None:
    registered = client.register(task_type)
    fates = iter([Dropped(), None, Dropped(), Dropped()])
    proxy.rule = lambda method, path: next(fates, None)

    assert lossy.start(registered).attempt == 1


def test_an_answer_that_no_look_can_clear_up_is_unknown(
    lossy: TaskTracker, proxy: Proxy, client: TaskTracker, task_type: str
) -> None:
    registered = client.register(task_type)
    starts = first(1, Dropped(), "/start")
    proxy.rule = lambda method, path: Dropped() if method == "GET" else starts(method, path)
    with pytest.raises(sdk.OutcomeUnknown):
        lossy.start(registered)


def test_the_end_that_was_told_is_told_again(
    lossy: TaskTracker, proxy: Proxy, client: TaskTracker, held: Task
) -> None:
    proxy.rule = first(2, Dropped())
    ended = lossy.complete(held, {"n": 1}, progress={"seqId": 1, "last": True})
    task = client.get(held)

    assert (ended.status, ended.updated_at, task.result) == ("completed", task.completed_at, {"n": 1})
    assert task.progress_history == [{"seqId": 1, "last": True}]


def test_a_failure_is_retried_once(
    lossy: TaskTracker, proxy: Proxy, client: TaskTracker, task_type: str
) -> None:
    client.register(task_type, max_retries=3)
    task = client.claim(task_type, worker_id="w")
    assert task is not None
    proxy.rule = first(2, Dropped())
    failed = lossy.fail(task, "broken")

    assert {row.id for row in client.tasks(task_type=task_type)} == {task.id, failed.new_task_id}


def test_a_release_is_repeated(lossy: TaskTracker, proxy: Proxy, client: TaskTracker, held: Task) -> None:
    proxy.rule = first(2, Dropped())

    assert lossy.release(held).status == "pending"
    assert client.get(held).attempt == 1


def test_heartbeats_and_cancels_are_repeated(lossy: TaskTracker, proxy: Proxy, held: Task) -> None:
    proxy.rule = first(2, Dropped(), "/heartbeat")
    assert lossy.heartbeat(held).status == "in_progress"
    proxy.rule = first(2, Dropped(), "/cancel")
    assert lossy.cancel(held).cancel_requested


@pytest.mark.parametrize("entry", [{"n": 1}, {"seqId": None, "n": 1}, [{"seqId": 1}, {"n": 1}]])
def test_entries_without_numbers_are_never_sent_twice(
    lossy: TaskTracker, proxy: Proxy, client: TaskTracker, held: Task, entry: object
) -> None:
    proxy.rule = always(Dropped())
    with pytest.raises(sdk.OutcomeUnknown):
        lossy.progress(held, entry)
    with pytest.raises(sdk.OutcomeUnknown):
        lossy.progress_many([Report(held, entry)])
    with pytest.raises(sdk.OutcomeUnknown):
        lossy.complete(held, progress=entry)
    with pytest.raises(sdk.OutcomeUnknown):
        lossy.fail_many([Failure(held, progress=entry)])

    assert [path.rpartition("/")[2] for _, path in proxy.requests] == [
        "progress",
        "progress",
        "complete",
        "fail",
    ]


def test_entries_with_numbers_are_stored_once(
    lossy: TaskTracker, proxy: Proxy, client: TaskTracker, held: Task
) -> None:
    proxy.rule = first(2, Dropped())
    assert lossy.progress(held, [{"seqId": 1, "a": 1}, {"seqId": 2, "a": 2}]).seq_id == 2
    proxy.rule = first(2, Dropped())
    (outcome,) = lossy.progress_many([Report(held, {"seqId": 3, "a": 3})])

    assert outcome.ok
    assert client.get(held).progress_history == [{"seqId": n, "a": n} for n in (1, 2, 3)]


def test_many_ends_are_told_again(
    lossy: TaskTracker, proxy: Proxy, client: TaskTracker, task_type: str
) -> None:
    client.register_many(NewTask(task_type=task_type, max_retries=1) for _ in range(3))
    one, two, three = client.claim_many(task_type, worker_id="w", limit=3)
    for work in (
        lambda: lossy.heartbeat_many([one, two]),
        lambda: lossy.cancel_many([three]),
        lambda: lossy.complete_many([Completion(one, {"n": 1})]),
        lambda: lossy.fail_many([two]),
        lambda: lossy.release_many([three]),
    ):
        proxy.rule = first(2, Dropped())
        assert all(outcome.ok for outcome in work())

    assert client.get(one).result == {"n": 1}
    assert len(list(client.tasks(task_type=task_type))) == 4


def test_ends_of_nobody_are_not_repeated(
    lossy: TaskTracker, proxy: Proxy, client: TaskTracker, held: Task
) -> None:
    proxy.rule = first(1, Dropped())
    with pytest.raises(sdk.OutcomeUnknown):
        lossy.complete_many([held.id])
    assert client.get(held).status == "completed"


def test_an_end_by_nobody_whose_repeat_is_refused_is_unknown(
    lossy: TaskTracker, proxy: Proxy, held: Task
) -> None:
    proxy.rule = first(1, Dropped())
    with pytest.raises(sdk.OutcomeUnknown, match="refused"):
        lossy.complete(held.id)


def test_a_retry_is_made_once(lossy: TaskTracker, proxy: Proxy, client: TaskTracker, held: Task) -> None:
    client.fail(held)
    proxy.rule = first(1, Dropped())
    retried = lossy.retry(held)
    task = client.get(held)

    assert (retried.new_task_id, retried.original_task_id) == (task.new_task_id, held.id)
    assert (retried.retry_count, retried.status) == (1, "pending")


def test_a_retry_that_did_not_arrive_is_asked_for_again(
    lossy: TaskTracker, proxy: Proxy, client: TaskTracker, held: Task
) -> None:
    client.fail(held)
    proxy.rule = first(1, Answered("502 Bad Gateway", b"<html>"))

    assert client.get(lossy.retry(held)).retry_count == 1


def test_a_retry_that_has_ended_meanwhile_is_not_made_again(
    lossy: TaskTracker, proxy: Proxy, client: TaskTracker, held: Task
) -> None:
    client.fail(held)

    def end_it(method: str, path: str) -> Fate:
        if path.endswith(f"{held.id}?progress=false"):  # it looks: by now somebody has done the retry
            retry = client.get(held).new_task_id
            assert retry is not None
            client.complete(client.start(retry))
        return Dropped() if path.endswith("/retry") else None

    proxy.rule = end_it
    with pytest.raises(sdk.OutcomeUnknown, match="has ended"):
        lossy.retry(held)

    assert len(list(client.tasks(original_task_id=held.id))) == 2


def test_a_retry_whose_repeats_are_refused_may_have_been_made(
    lossy: TaskTracker, proxy: Proxy, client: TaskTracker, held: Task
) -> None:
    """The task has no retry yet when it is looked at: the lost call may be on its way."""
    client.fail(held)
    lost, busy = Answered("502 Bad Gateway", b"<html>"), Answered("503 Service Unavailable", b"<html>")
    fates = iter([lost])
    proxy.rule = lambda method, path: next(fates, busy) if path.endswith("/retry") else None
    with pytest.raises(sdk.OutcomeUnknown):
        lossy.retry(held)

    assert client.get(held).new_task_id is None
    assert proxy.count("/retry") > 1


def test_a_time_out_is_cleared_up(lossy: TaskTracker, proxy: Proxy, client: TaskTracker, held: Task) -> None:
    proxy.rule = first(1, Dropped())
    ended = lossy.time_out(held)

    assert (ended.status, ended.updated_at) == ("timeout", client.get(held).updated_at)


def test_what_can_not_be_repeated_is_unknown(
    lossy: TaskTracker, proxy: Proxy, client: TaskTracker, task_type: str
) -> None:
    client.register(task_type)
    proxy.rule = always(Dropped())
    with pytest.raises(sdk.OutcomeUnknown):
        lossy.claim_many(task_type, worker_id="w", limit=5)
    with pytest.raises(sdk.OutcomeUnknown):
        lossy.process_timeouts()

    assert len(proxy.requests) == 2
    assert [row.worker_id for row in client.tasks(task_type=task_type)] == ["w"]


def test_reads_are_repeated_and_given_up_as_a_failed_connection(
    lossy: TaskTracker, proxy: Proxy, held: Task
) -> None:
    proxy.rule = first(5, Dropped())
    assert lossy.get(held).id == held.id
    proxy.rule = always(Dropped())
    with pytest.raises(sdk.ConnectionFailed) as failed:
        lossy.get(held)

    assert not isinstance(failed.value, sdk.OutcomeUnknown)
    assert len(proxy.requests) == 12


def test_a_write_that_is_lost_each_time_is_unknown(lossy: TaskTracker, proxy: Proxy, held: Task) -> None:
    proxy.rule = always(Dropped())
    with pytest.raises(sdk.OutcomeUnknown):
        lossy.complete(held)


@pytest.mark.parametrize(
    "status", ["502 Bad Gateway", "503 Service Unavailable", "504 Gateway Timeout", "524 -"]
)
def test_a_gateways_word_is_no_promise_that_nothing_was_done(
    lossy: TaskTracker, proxy: Proxy, held: Task, status: str
) -> None:
    proxy.rule = first(1, Answered(status, b"<html>upstream connect error</html>"))
    with pytest.raises(sdk.OutcomeUnknown):
        lossy.progress(held, {"n": 1})
    proxy.rule = first(1, Answered(status))
    assert lossy.complete(held).status == "completed"


_OVERLOADED = b'{"statusCode":503,"code":"overloaded","message":"busy"}'
_LIMITED = b'{"statusCode":429,"code":"rate_limited","message":"slower"}'


@pytest.mark.parametrize(
    "answer",
    [
        Answered("503 Service Unavailable", _OVERLOADED, "Retry-After: 1\r\n"),
        Answered("429 Too Many Requests", _LIMITED, "Retry-After: 1\r\n"),
    ],
)
def test_the_services_pause_is_kept_and_everything_repeated_after_it(
    lossy: TaskTracker, proxy: Proxy, held: Task, answer: Answered
) -> None:
    proxy.rule = first(1, answer)
    began = time.monotonic()
    lossy.progress(held, {"n": 1})

    assert 1.0 <= time.monotonic() - began < 5.0
    assert len(proxy.requests) == 2


def test_a_service_that_stays_busy_is_told_as_such(lossy: TaskTracker, proxy: Proxy, held: Task) -> None:
    proxy.rule = always(Answered("503 Service Unavailable", _OVERLOADED))
    with pytest.raises(sdk.Unavailable, match="overloaded") as refused:
        lossy.complete(held)

    assert len(proxy.requests) == 6
    assert not isinstance(refused.value, sdk.OutcomeUnknown)


def test_one_who_wants_no_repeats_gets_none(connect: Connect, proxy: Proxy, held: Task) -> None:
    proxy.rule = always(Dropped())
    client = connect(proxy.url, retries=1)
    with pytest.raises(sdk.OutcomeUnknown):
        client.complete(held)
    with pytest.raises(sdk.ConnectionFailed):
        client.get(held)

    assert len(proxy.requests) == 2


def test_a_refused_connection_is_tried_again_and_then_told(connect: Connect, unused_url: str) -> None:
    client = connect(unused_url)
    with pytest.raises(sdk.ConnectionFailed) as failed:
        client.register("a")

    assert type(failed.value) is sdk.ConnectionFailed
    assert failed.value.__cause__ is not None


def test_a_call_takes_no_longer_than_the_time_it_was_given(
    connect: Connect, proxy: Proxy, held: Task
) -> None:
    proxy.rule = always(Swallowed())
    client = connect(proxy.url, timeout=0.3, retries=2)
    began = time.monotonic()
    with pytest.raises(sdk.ConnectionFailed):
        client.get(held)

    assert time.monotonic() - began < 5.0
    assert len(proxy.requests) == 2


def test_a_client_outlives_what_went_wrong(lossy: TaskTracker, proxy: Proxy, held: Task) -> None:
    proxy.rule = always(Dropped())
    for _ in range(3):
        with pytest.raises(sdk.ConnectionFailed):
            lossy.get(held)
    proxy.rule = None

    assert lossy.get(held).id == held.id
    proxy.wait_until_left(2)
