"""Counts what the model explored, and keeps the large scenarios for those who ask for them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from model.checker import Exploration
from model.explore import explore
from model.scenario import Scenario

EXPLORED = pytest.StashKey[list[tuple[str, Exploration]]]()
HERE = Path(__file__).parent


def pytest_configure(config: pytest.Config) -> None:
    """Declare the marker here, so that the folder can also be run alone."""
    config.addinivalue_line("markers", "slow: takes minutes; run with -m slow")
    config.stash[EXPLORED] = []


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave the large scenarios out unless ``-m`` speaks of them."""
    if "slow" in str(config.getoption("markexpr")):
        return
    for item in items:
        if HERE in item.path.parents and item.get_closest_marker("slow"):
            item.add_marker(pytest.mark.skip(reason="run with -m slow"))


@pytest.fixture
def explored(pytestconfig: pytest.Config) -> Callable[[Scenario], Exploration]:
    """Explore a scenario and count it in the summary."""

    def explore_and_count(scenario: Scenario) -> Exploration:
        exploration = explore(scenario)
        pytestconfig.stash[EXPLORED].append((scenario.name, exploration))
        return exploration

    return explore_and_count


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Say how much was looked at."""
    counted = config.stash[EXPLORED]
    if not counted:
        return
    terminalreporter.section("model of the storage protocol")
    for name, exploration in counted:
        terminalreporter.line(f"{exploration.states:9,} states {exploration.moves:9,} moves  {name}")
    states = sum(exploration.states for _, exploration in counted)
    moves = sum(exploration.moves for _, exploration in counted)
    terminalreporter.line(f"{states:9,} states {moves:9,} moves  in all")
