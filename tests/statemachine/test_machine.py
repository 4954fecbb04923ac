"""Whatever is called, in whatever order: the service does what the model says."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from .calls import Calls
from .machine import Machine

QUIET = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]
EVERY_TIME = settings(
    max_examples=60,
    stateful_step_count=50,
    derandomize=True,
    deadline=None,
    report_multiple_bugs=False,
    suppress_health_check=QUIET,
)
LONG = settings(
    max_examples=600,
    stateful_step_count=120,
    database=None,
    deadline=None,
    report_multiple_bugs=False,
    suppress_health_check=QUIET,
)


def run(calls: Calls, profile: settings) -> None:
    """Raises the first divergence, with the shortest run that shows it."""

    class OnTheseCalls(Machine):
        def __init__(self) -> None:
            super().__init__(calls)

    run_state_machine_as_test(OnTheseCalls, settings=profile)


def test_the_service_does_what_the_model_says(calls: Calls) -> None:
    run(calls, EVERY_TIME)


@pytest.mark.slow
def test_the_service_does_what_the_model_says_in_many_and_longer_runs(calls: Calls) -> None:
    run(calls, LONG)
