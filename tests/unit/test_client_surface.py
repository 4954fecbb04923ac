"""What users see of the client: one list of names, two clients that say the same, errors that travel."""

import inspect
import pickle
import re
from types import FunctionType, ModuleType
from typing import Any

import msgspec
import pytest

import tasktracker_client as sdk
from tasktracker_client import _errors
from tasktracker_client._errors import BY_CODE, api_error
from tasktracker_schema.answers import Task

TWINS = [
    (sdk.TaskTracker, sdk.AsyncTaskTracker),
    (sdk.Stream, sdk.AsyncStream),
    (sdk.Worker, sdk.AsyncWorker),
]
ASYNC_ONLY = {"keeper_http"}
"""What threads of an asynchronous worker call with."""


def test_the_list_of_names_is_sorted_and_whole() -> None:
    public = {
        name
        for name, value in vars(sdk).items()
        if not name.startswith("_") and not isinstance(value, ModuleType) and name != "Final"
    }

    assert sdk.__all__ == sorted(sdk.__all__)
    assert set(sdk.__all__) == public | {"__version__"}


def test_everything_public_is_said_to_come_from_here_or_the_schema_and_is_documented() -> None:
    for name in sdk.__all__:
        value = getattr(sdk, name)
        if isinstance(value, type):
            assert value.__module__.partition(".")[0] in ("tasktracker_client", "tasktracker_schema")
            assert inspect.getdoc(value), name


def members(kind: type) -> dict[str, Any]:
    """Public members and those of protocols, by the name they have in the synchronous world."""
    found: dict[str, Any] = {}
    for each in reversed(kind.__mro__[:-1]):
        found |= vars(each)
    given = {sync_words(name): value for name, value in found.items()}
    shown = {name for name in given if not name.startswith("_") or is_protocol(name)}
    return {name: given[name] for name in shown}


def is_protocol(name: str) -> bool:
    return name in ("__init__", "__enter__", "__exit__", "__iter__", "__next__")


def sync_words(text: str) -> str:
    """The same in the words of the synchronous world."""
    text = re.sub(r"__a(enter|exit|iter|next)__", r"__\1__", text)
    text = re.sub(r"\baclose\b", "close", text).replace(".async_job", ".job")
    return re.sub(r"\bAsync(?=[A-Z])", "", text).replace("async with", "with").replace("await ", "")


def signature(value: Any) -> list[str]:
    if isinstance(value, property):
        value = value.fget
    found = inspect.signature(value)
    parts = [str(each) for each in found.parameters.values() if each.name not in ASYNC_ONLY]
    return [sync_words(part) for part in [*parts, str(found.return_annotation)]]


def unwrapped(value: Any) -> Any:
    return getattr(value, "__func__", value)


@pytest.mark.parametrize(("one", "other"), TWINS, ids=lambda kind: kind.__name__)
def test_both_worlds_have_the_same_names(one: type, other: type) -> None:
    assert set(members(one)) == set(members(other))


@pytest.mark.parametrize(("one", "other"), TWINS, ids=lambda kind: kind.__name__)
def test_both_worlds_have_the_same_signatures(one: type, other: type) -> None:
    theirs = members(other)
    for name, value in members(one).items():
        if isinstance(unwrapped(value), FunctionType | property):
            assert signature(unwrapped(value)) == signature(unwrapped(theirs[name])), name


@pytest.mark.parametrize(("one", "other"), TWINS[:1], ids=lambda kind: kind.__name__)
def test_both_worlds_say_the_same(one: type, other: type) -> None:
    theirs = members(other)
    for name, value in members(one).items():
        if not is_protocol(name):
            assert inspect.getdoc(value), name
            assert sync_words(inspect.getdoc(theirs[name]) or "") == sync_words(
                inspect.getdoc(value) or ""
            ), name


def test_every_call_of_a_service_is_a_method_that_returns_or_awaits() -> None:
    for name, value in members(sdk.TaskTracker).items():
        if isinstance(value, FunctionType) and name not in ("track", "events", "tasks", "worker", "__init__"):
            assert inspect.iscoroutinefunction(members(sdk.AsyncTaskTracker)[name]), name


def refusal(code: str = "wrong_status", status: int = 409) -> sdk.Refusal:
    return sdk.Refusal(status, code, "no", {"status": "pending"}, "r-1", 2.5)


def test_every_code_has_its_class() -> None:
    assert set(BY_CODE) == set(sdk.ErrorCode)
    for code, kind in BY_CODE.items():
        assert type(api_error(refusal(code.value))) is kind


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, sdk.BadRequest),
        (401, sdk.Unauthorized),
        (403, sdk.Forbidden),
        (404, sdk.NotFound),
        (409, sdk.Conflict),
        (413, sdk.TooLarge),
        (422, sdk.BadRequest),
        (429, sdk.RateLimited),
        (500, sdk.ServerError),
        (503, sdk.Unavailable),
        (599, sdk.ServerError),
    ],
)
def test_a_code_of_a_newer_service_is_told_by_its_status(status: int, kind: type[sdk.ApiError]) -> None:
    assert type(api_error(refusal("of_tomorrow", status))) is kind


def task() -> Task:
    at = "2030-01-01T00:00:00Z"
    known = {"id": "a", "taskType": "t", "status": "failed", "error": {"message": "broken"}, "attempt": 1}
    fields = {field.encode_name: None for field in msgspec.structs.fields(Task)}
    numbers = {"timeoutSeconds": 1, "retryCount": 0, "priority": 0, "maxRetries": 0}
    times = dict.fromkeys(("createdAt", "updatedAt", "timeoutAt"), at)
    return msgspec.convert(fields | known | numbers | times, Task)


def made(kind: type[sdk.TaskTrackerError]) -> sdk.TaskTrackerError:
    if issubclass(kind, sdk.ApiError):
        return kind(refusal())
    if issubclass(kind, sdk.TaskFailed):
        return kind(task())
    if issubclass(kind, sdk.TrackInterrupted):
        return kind("lost", 7)
    return kind("so it is")


ERRORS = [
    kind
    for kind in vars(_errors).values()
    if isinstance(kind, type) and issubclass(kind, sdk.TaskTrackerError)
]


@pytest.mark.parametrize("kind", ERRORS, ids=lambda kind: kind.__name__)
def test_errors_travel_between_processes(kind: type[sdk.TaskTrackerError]) -> None:
    error = made(kind)
    copy = pickle.loads(pickle.dumps(error))

    assert type(copy) is kind
    assert str(copy) == str(error)
    assert copy.args == error.args
    assert vars(copy) == vars(error)


def test_errors_are_all_public_and_in_the_tree_of_their_module() -> None:
    for kind in ERRORS:
        assert kind.__name__ in sdk.__all__
        assert re.search(rf"\b{kind.__name__}\b", _errors.__doc__ or "")


def test_what_a_task_failed_of_is_told() -> None:
    assert str(sdk.TaskFailed(task())) == "task a failed: broken"
