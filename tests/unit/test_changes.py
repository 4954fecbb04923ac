"""Changes of a task are told apart from those before them by what they lead to, whatever the clocks say."""

import itertools

import pytest

from tasktracker_schema.events import LifecycleReason
from tasktracker_server.core.changes import Change, Step

LATE, EARLY = "2026-01-31T12:00:00.001Z", "2026-01-31T12:00:00.000Z"


def change(
    attempt: int, reason: LifecycleReason, *, cancelled: bool = False, timestamp: str = EARLY
) -> Change:
    status = "pending" if reason in ("created", "released", "lapsed") else "in_progress"
    return Change("t", "a", status, reason, "w", attempt, timestamp, cancelled)


LIFE = [
    change(0, "created", timestamp=LATE),
    change(1, "claimed"),
    change(1, "released"),
    change(2, "started"),
    change(2, "lapsed", timestamp=LATE),
    change(3, "claimed"),
    change(3, "cancel_requested", cancelled=True),
]


@pytest.mark.parametrize(("before", "after"), list(itertools.combinations(LIFE, 2)))
def test_each_change_leads_further_than_all_before_it(before: Change, after: Change) -> None:
    assert before.step < after.step


@pytest.mark.parametrize("one", LIFE)
def test_a_state_is_as_far_as_the_change_that_led_to_it(one: Change) -> None:
    assert one._replace(reason="current", timestamp=LATE).step == one.step


@pytest.mark.parametrize("one", LIFE)
def test_a_step_is_read_from_its_text(one: Change) -> None:
    assert Step.read(one.step.text) == one.step
