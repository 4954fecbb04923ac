"""The protocol keeps its promises in every state that the scenarios can reach."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from model.checker import Exploration
from model.properties import TOLD
from model.scenario import Scenario
from model.scenarios import (
    AWAY_AT_END,
    AWAY_THEN_FLUSHED,
    FLUSHED_AT_END,
    LARGE,
    LONG_REST,
    OLDER_AT_END,
    SCENARIOS,
    TWO_ENDS,
)
from model.state import Budget

Explore = Callable[[Scenario], Exploration]


def assert_kept(exploration: Exploration) -> None:
    assert exploration.found is None, exploration.found.story()


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_every_promise_is_kept(scenario: Scenario, explored: Explore) -> None:
    assert_kept(explored(scenario))


@pytest.mark.slow
@pytest.mark.parametrize("scenario", LARGE, ids=lambda scenario: scenario.name)
def test_every_promise_is_kept_in_a_larger_cast(scenario: Scenario, explored: Explore) -> None:
    assert_kept(explored(scenario))


@pytest.mark.parametrize(
    "scenario", [TWO_ENDS, OLDER_AT_END, AWAY_AT_END, AWAY_THEN_FLUSHED, LONG_REST], ids=lambda s: s.name
)
def test_helpers_that_leave_a_tombstone_need_not_wait(scenario: Scenario, explored: Explore) -> None:
    eager = scenario.breaking(helpers_wait_for_the_winner=False, helpers_leave_a_tombstone=True)

    assert_kept(explored(eager._replace(name=f"{scenario.name}, eager helpers")))


def test_the_one_silent_loss_takes_two_faults_and_a_late_writer(explored: Explore) -> None:
    exploration = explored(FLUSHED_AT_END._replace(name="the double fault", excuse_known_double_fault=False))

    assert exploration.found is not None
    assert exploration.found.promise == TOLD
    story = [step.split(" -> ")[0] for step in exploration.found.steps]
    peek, flush, death = (story.index(step) for step in ("ender 1: PEEK", "FLUSHALL", "everybody dies here"))
    assert "writer 1: APPEND" in story[peek:flush]
    assert any(step.startswith("ender 1: COMMIT") for step in story[peek:death])
    assert "ender 1: CLOSE" not in story


def test_without_the_flush_the_dead_winner_loses_nothing(explored: Explore) -> None:
    kept = FLUSHED_AT_END._replace(
        name="the double fault without its flush",
        excuse_known_double_fault=False,
        budget=Budget(crashes=1),
    )

    assert_kept(explored(kept))


def test_a_winner_that_lives_tells_what_the_flush_took(explored: Explore) -> None:
    survived = FLUSHED_AT_END._replace(
        name="the double fault without its death",
        excuse_known_double_fault=False,
        winner_may_die=False,
        budget=Budget(flushes=1),
    )

    assert_kept(explored(survived))
