"""Each rule of the protocol is needed: without it, a named promise breaks, and the model says how.

This is also the test of the model: what finds nothing wrong with a broken protocol proves nothing about a
sound one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import pytest

from model.checker import Exploration
from model.observer import AFTER_END, BOUGHT, COMPLETE, FENCED, HOLDER, NUMBERS, READ_WHOLE
from model.properties import CLOSED_LATE, FINAL, GOES_ON, KEPT, NO_FALSE_GAP, ORDERED, TOLD
from model.rules import Rules
from model.scenario import Scenario
from model.scenarios import (
    AWAY_AT_END,
    AWAY_THEN_FLUSHED,
    FIRST_SEEDS,
    FLUSHED_AT_END,
    HANDOVER,
    LONG_REST,
    OLDER_AT_END,
    READ,
    TWO_ENDS,
)


class Fault(NamedTuple):
    """A rule left out, where that shows, and the promise it breaks."""

    rule: str
    scenario: Scenario
    promise: str


FAULTS = [
    Fault("seed_needs_ticket", FIRST_SEEDS, AFTER_END),
    Fault("seed_needs_ticket", OLDER_AT_END, AFTER_END),
    Fault("waiting_seeders_share_a_ticket", FIRST_SEEDS, NO_FALSE_GAP),
    Fault("tickets_of_older_runs_are_replaced", OLDER_AT_END, GOES_ON),
    Fault("runs_are_told_apart", OLDER_AT_END, NUMBERS),
    Fault("ticket_buys_once", FIRST_SEEDS, NO_FALSE_GAP),
    Fault("seed_starts_at_old_limit", FLUSHED_AT_END, NUMBERS),
    Fault("seed_starts_at_old_limit", OLDER_AT_END, NUMBERS),
    Fault("second_seed_tells_loss", FLUSHED_AT_END, TOLD),
    Fault("numbers_stay_in_the_block", FIRST_SEEDS, BOUGHT),
    Fault("seed_drains_first", OLDER_AT_END, KEPT),
    Fault("drain_is_guarded", OLDER_AT_END, ORDERED),
    Fault("claim_fences", HANDOVER, FENCED),
    Fault("fences_are_compared", HANDOVER, HOLDER),
    Fault("fence_keeps_the_ticket", HANDOVER, NO_FALSE_GAP),
    Fault("seed_obeys_the_fence", HANDOVER, FENCED),
    Fault("commit_before_close", TWO_ENDS, CLOSED_LATE),
    Fault("close_ends_the_ticket", FIRST_SEEDS, AFTER_END),
    Fault("close_ends_the_pending_ticket", FIRST_SEEDS, COMPLETE),
    Fault("rest_is_guarded", TWO_ENDS, ORDERED),
    Fault("drop_compares_the_last", LONG_REST, KEPT),
    Fault("proof_is_taken_at_close", FIRST_SEEDS, NO_FALSE_GAP),
    Fault("ticket_is_a_proof", FIRST_SEEDS, NO_FALSE_GAP),
    Fault("only_the_winner_tells", TWO_ENDS, FINAL),
    Fault("helpers_wait_for_the_winner", TWO_ENDS, NO_FALSE_GAP),
    Fault("unproven_commit_owes", FLUSHED_AT_END, TOLD),
    Fault("failed_close_owes", AWAY_THEN_FLUSHED, TOLD),
    Fault("unheard_close_is_doubted", AWAY_AT_END, NO_FALSE_GAP),
    Fault("unproven_close_leaves_a_mark", AWAY_THEN_FLUSHED, TOLD),
    Fault("debt_keeps_the_key", AWAY_AT_END, NO_FALSE_GAP),
    Fault("debt_lasts_to_the_last_page", LONG_REST, TOLD),
    Fault("loss_is_told_with_the_rest", FLUSHED_AT_END, TOLD),
    Fault("readers_ask_redis_first", READ, READ_WHOLE),
]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: f"{fault.rule}-{fault.scenario.name}")
def test_a_missing_rule_breaks_a_promise(fault: Fault, explored: Callable[[Scenario], Exploration]) -> None:
    broken = fault.scenario.breaking(**{fault.rule: False})

    exploration = explored(broken._replace(name=f"without {fault.rule}"))

    assert exploration.found is not None
    assert exploration.found.promise == fault.promise, exploration.found.story()


def test_every_rule_has_a_planted_fault() -> None:
    kept_by_default = {rule for rule, kept in Rules()._asdict().items() if kept}

    assert {fault.rule for fault in FAULTS} == kept_by_default
