"""The checker finds what is planted: a flawless history passes, and each way of spoiling it is told.

What finds nothing wrong with a spoilt history proves nothing about a good one.
"""

from __future__ import annotations

import pytest

from .checker import PROMISES, violations
from .plants import PLANTS, Plant
from .synthetic import Story


def test_a_flawless_history_passes() -> None:
    story = Story()

    assert violations(story.history(), story.finals()) == []


@pytest.mark.parametrize(
    ("promise", "plant"),
    [(promise, plant) for promise, plants in PLANTS.items() for _, plant in plants],
    ids=[f"{promise}-{name}" for promise, plants in PLANTS.items() for name, _ in plants],
)
def test_a_planted_violation_is_found(promise: str, plant: Plant) -> None:
    story = Story()
    plant(story)

    assert promise in {found.promise for found in violations(story.history(), story.finals())}


def test_every_promise_has_a_planted_violation() -> None:
    assert PLANTS.keys() == {promise.__name__ for promise in PROMISES}
