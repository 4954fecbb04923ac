"""Options of the history runs."""

from __future__ import annotations

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("history")
    group.addoption(
        "--history-seed", type=int, default=None, help="Seed of the callers' and the proxies' chance."
    )
    group.addoption("--history-operations", type=int, default=200_000, help="Operations of the long run.")
