"""What a pool reads from the annotation of a job, and what it refuses before it runs."""

from __future__ import annotations

import functools
import typing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypedDict

import msgspec
import pytest

from tasktracker_client import AsyncJob, Job, WorkerPool
from tasktracker_client._pools.annotations import params_type

if TYPE_CHECKING:
    from collections.abc import Mapping


class Tree(msgspec.Struct):
    """One that holds itself."""

    children: list[Tree]


@dataclass
class Numbered:
    names: dict[int, str]


class Named(TypedDict):
    name: str


class Foreign:
    """Nothing that JSON is decoded into."""


@dataclass
class Wrapping:
    inside: list[Foreign | None]


def tree(job: Job[Tree]) -> Mapping[str, int] | None: ...
def numbered(job: Job[Numbered]) -> None: ...
def named(job: Job[Named]) -> None: ...
def anything(job: Job[Any]) -> None: ...
def bare(job: Job) -> None: ...
def unsaid(job) -> None: ...  # type: ignore[no-untyped-def]
async def awaited(job: AsyncJob[Tree]) -> None: ...
def foreign(job: Job[Foreign]) -> None: ...
def wrapping(job: Job[Wrapping]) -> None: ...
def only_for_checkers(job: Job[Mapping[str, int]]) -> None: ...
def not_in_typing(job: Job[typing.Nope]) -> None: ...  # type: ignore[name-defined]
def two(job: Job, more: int) -> None: ...
def not_one(*jobs: Job) -> None: ...
def text(job: str) -> None: ...


@pytest.mark.parametrize(
    ("function", "wanted"),
    [
        (tree, Tree), (numbered, Numbered), (named, Named), (anything, Any), (awaited, Tree),
        (bare, dict[str, Any]), (unsaid, dict[str, Any]),
    ],
)  # fmt: skip
def test_params_come_in_the_type_that_is_named(function: Any, wanted: Any) -> None:
    """Whatever the annotation of the result is, and whether it can be found."""
    assert params_type(function, is_async=function is awaited) == wanted


@pytest.mark.parametrize(
    ("function", "problem"),
    [
        (foreign, "can't be decoded into Foreign; a msgspec.Struct"),
        (wrapping, "can't be decoded into Foreign; a msgspec.Struct"),
        (only_for_checkers, "'Mapping' is not defined; it has to be imported"),
        (not_in_typing, "has no attribute 'Nope'"),
        (two, "must take one argument"), (not_one, "must take one argument"),
        (text, "must take a Job"), (awaited, "must take a Job"),
    ],
)  # fmt: skip
def test_what_can_not_be_read_is_told_before_a_task_is_claimed_for_it(function: Any, problem: str) -> None:
    with pytest.raises(TypeError, match=problem) as refused:
        params_type(function, is_async=False)

    assert str(refused.value).startswith(function.__name__)


def test_what_is_no_function_is_refused() -> None:
    class Callable:
        def __call__(self, job: Job) -> None: ...

    for each in (functools.partial(two, more=1), Callable(), Callable):
        with pytest.raises(TypeError, match="a pool runs functions"):
            WorkerPool().task("a")(each)
