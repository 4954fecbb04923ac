"""What the service refuses is an exception of the kind that its code names."""

import pytest

import tasktracker_client as sdk
from tasktracker_client import Task, TaskTracker

from .conftest import Connect, Through
from .proxy import Answered, always


def test_a_refusal_tells_all_that_is_known(client: TaskTracker) -> None:
    with pytest.raises(sdk.TaskNotFound) as refused:
        client.get("nobody-1")
    error = refused.value

    assert (error.code, error.status, error.details) == ("task_not_found", 404, {})
    assert error.request_id
    assert error.retry_after is None
    assert error.message
    assert "task_not_found" in str(error)
    assert error.request_id in str(error)


def test_there_is_a_class_for_each_thing_to_do(client: TaskTracker, held: Task, task_type: str) -> None:
    pending = client.register(task_type)
    with pytest.raises(sdk.BadRequest, match="taskType"):
        client.register("")
    with pytest.raises(sdk.WrongStatus) as wrong:
        client.complete(pending)
    with pytest.raises(sdk.InvalidCursor):
        client.task_page(cursor="nonsense")
    with pytest.raises(sdk.SeqGap) as gap:
        client.progress(held, {"seqId": 9})
    with pytest.raises(sdk.TooLarge):
        client.progress(held, {"text": "x" * 70_000})
    with pytest.raises(sdk.NotTaskWorker):
        client.heartbeat(held, worker_id="another")
    client.release(held)
    with pytest.raises(sdk.StaleAttempt):
        client.heartbeat(held)

    assert wrong.value.details == {"status": "pending"}
    assert gap.value.details == {"expectedSeqId": 1}
    assert {type(wrong.value), sdk.StaleAttempt, sdk.NotTaskWorker} <= set(sdk.FencedOut.__subclasses__())


def test_a_chain_has_one_unfinished_retry(client: TaskTracker, held: Task) -> None:
    client.fail(held)
    retried = client.retry(held)
    with pytest.raises(sdk.AlreadyRetried) as refused:
        client.retry(held)

    assert refused.value.details["newTaskId"] == retried.new_task_id


def test_a_taken_id_is_refused_and_the_same_request_is_as_good_where_that_is_wanted(
    client: TaskTracker, task_type: str
) -> None:
    task_id = f"{task_type}.own"
    first = client.register(task_type, {"n": 1}, task_id=task_id)
    with pytest.raises(sdk.TaskExists) as refused:
        client.register(task_type, {"n": 1}, task_id=task_id)
    again = client.register(task_type, {"n": 1}, task_id=task_id, exist_ok=True)
    with pytest.raises(sdk.TaskExists):
        client.register(task_type, {"n": 2}, task_id=task_id, exist_ok=True)

    assert refused.value.details["sameRequest"] is True
    assert again == first


@pytest.mark.parametrize("task_id", ["", "a/b", "claim", "..", "x" * 65, "ä"])
def test_what_cannot_be_an_id_never_leaves(client: TaskTracker, task_id: str) -> None:
    with pytest.raises(ValueError, match="id"):
        client.get(task_id)
    with pytest.raises(ValueError, match="id"):
        client.track(task_id)


def test_an_empty_id_is_not_one_made_here(client: TaskTracker, task_type: str) -> None:
    with pytest.raises((ValueError, sdk.BadRequest)):
        client.register(task_type, task_id="")


def test_what_is_no_task_is_told_by_its_type(client: TaskTracker) -> None:
    with pytest.raises(TypeError, match="NoneType"):
        client.get(None)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        ("401 Unauthorized", "unauthorized", sdk.Unauthorized),
        ("403 Forbidden", "forbidden", sdk.Forbidden),
        ("409 Conflict", "of_a_newer_service", sdk.Conflict),
        ("418 Teapot", "of_a_newer_service", sdk.BadRequest),
    ],
)
def test_codes_of_other_deployments(
    connect: Connect, through: Through, status: str, code: str, kind: type[sdk.ApiError]
) -> None:
    body = b'{"code":"%s","message":"so it is","details":{"a":1},"more":[]}' % code.encode()
    client = connect(through(always(Answered(status, body, "X-Request-Id: r-1\r\n"))).url)
    with pytest.raises(sdk.ApiError, match="so it is") as refused:
        client.stats()

    assert type(refused.value) is kind
    assert (refused.value.code, refused.value.details, refused.value.request_id) == (code, {"a": 1}, "r-1")


def test_an_answer_that_is_no_json_is_not_the_services(connect: Connect, through: Through) -> None:
    page = Answered("200 OK", b"<html>welcome</html>", "Content-Type: text/html\r\n")
    client = connect(through(always(page)).url)
    with pytest.raises(sdk.ProtocolError, match="the answer is not"):
        client.get("a")


def test_a_refusal_by_somebody_else_is_told_by_its_status(connect: Connect, through: Through) -> None:
    page = Answered("403 Forbidden", b"<html>go away</html>")
    client = connect(through(always(page)).url)
    with pytest.raises(sdk.Forbidden, match="not from a Task Tracker") as refused:
        client.get("a")

    assert (refused.value.code, refused.value.status) == ("http_403", 403)
