"""Compares what the model expects with what the service answered.

The service chooses ids and times. The model names them: the first answer that shows one gives the name its
value, and wherever the name comes up again the same value has to stand.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
_TASK_ID = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.:@~=-]{0,63}")


class Divergence(AssertionError):
    """The service did not do what the model says."""


@dataclass(frozen=True)
class Id:
    """The id of a task, by its name in the model."""

    task: str


@dataclass(frozen=True)
class Time:
    """A moment the service chose, by its name in the model."""

    name: str


@dataclass(frozen=True)
class Some:
    """A value that the model cannot know, of a kind it does."""

    kind: str
    fits: Callable[[Any], bool] = field(repr=False, compare=False)


class AtLeast(dict[str, Any]):
    """An object that may have more members than these."""


def _is_instant(value: Any) -> bool:
    return isinstance(value, str) and _INSTANT.fullmatch(value) is not None


SOME_TIME: Final = Some("a time", _is_instant)
SOME_TEXT: Final = Some("a text", lambda value: isinstance(value, str) and bool(value.strip()))
SOME_COUNT: Final = Some("a count", lambda value: type(value) is int and value >= 0)


class Bindings:
    """What the names of the model stand for in this run."""

    def __init__(self) -> None:
        self._values: dict[Id | Time, str] = {}

    def bind(self, name: Id | Time, value: str) -> None:
        self._values[name] = value

    def knows(self, name: Id | Time) -> bool:
        return name in self._values

    def value(self, name: Id) -> str:
        return self._values[name]

    def match(self, expected: Any, actual: Any, at: str = "$") -> None:
        """Compare to the last member.

        Raises:
            Divergence: names the first place where they differ.
        """
        if isinstance(expected, Id | Time):
            self._match_name(expected, actual, at)
        elif isinstance(expected, Some):
            _require(expected.fits(actual), at, expected, actual)
        elif isinstance(expected, dict):
            self._match_members(expected, actual, at)
        elif isinstance(expected, list):
            _require(isinstance(actual, list) and len(actual) == len(expected), at, expected, actual)
            for place, (one, other) in enumerate(zip(expected, actual, strict=True)):
                self.match(one, other, f"{at}[{place}]")
        else:
            # Not `==` alone: in Python 1 is 1.0 is True.
            _require(type(actual) is type(expected) and actual == expected, at, expected, actual)

    def _match_name(self, name: Id | Time, actual: Any, at: str) -> None:
        if name in self._values:
            _require(actual == self._values[name], at, f"{name} = {self._values[name]}", actual)
            return
        if isinstance(name, Time):
            _require(_is_instant(actual), at, name, actual)
        else:
            is_new = actual not in self._values.values()
            is_id = isinstance(actual, str) and _TASK_ID.fullmatch(actual) is not None
            _require(is_id and is_new, at, name, actual)
        self._values[name] = actual

    def _match_members(self, expected: dict[str, Any], actual: Any, at: str) -> None:
        _require(isinstance(actual, dict), at, expected, actual)
        missing = expected.keys() - actual.keys()
        more = set() if isinstance(expected, AtLeast) else actual.keys() - expected.keys()
        _require(not missing and not more, at, expected, actual)
        for name, value in expected.items():
            self.match(value, actual[name], f"{at}.{name}")


def _require(holds: bool, at: str, expected: Any, actual: Any) -> None:
    if not holds:
        raise Divergence(f"at {at} the model expects {expected!r}; the service says {actual!r}")
