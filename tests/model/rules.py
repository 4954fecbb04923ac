"""Every rule the protocol rests on, as a switch.

``Rules()`` is the protocol.  A test turns one rule off and shows which promise breaks: a rule that nothing
misses would be one to delete.
"""

from __future__ import annotations

from typing import NamedTuple


class Rules(NamedTuple):
    """True means the rule is kept; the names say what is done."""

    # Tickets: a seed may only describe what PostgreSQL said after the ticket was made.
    seed_needs_ticket: bool = True
    waiting_seeders_share_a_ticket: bool = True
    tickets_of_older_runs_are_replaced: bool = True
    runs_are_told_apart: bool = True

    # Blocks of numbers: bought in PostgreSQL before Redis may give them out.
    ticket_buys_once: bool = True
    seed_starts_at_old_limit: bool = True
    second_seed_tells_loss: bool = True
    numbers_stay_in_the_block: bool = True
    seed_drains_first: bool = True
    drain_is_guarded: bool = True

    # Fences: who holds the task.
    claim_fences: bool = True
    fences_are_compared: bool = True
    fence_keeps_the_ticket: bool = True
    seed_obeys_the_fence: bool = True

    # The end: commit with the history, close for good, store what was raced.
    commit_before_close: bool = True
    close_ends_the_ticket: bool = True
    close_ends_the_pending_ticket: bool = True
    rest_is_guarded: bool = True
    drop_compares_the_last: bool = True

    # Completeness: is something missing, who may say so, and from what evidence.
    proof_is_taken_at_close: bool = True
    ticket_is_a_proof: bool = True
    only_the_winner_tells: bool = True
    helpers_wait_for_the_winner: bool = True
    unproven_commit_owes: bool = True
    failed_close_owes: bool = True
    unheard_close_is_doubted: bool = True
    unproven_close_leaves_a_mark: bool = True
    debt_keeps_the_key: bool = True
    debt_lasts_to_the_last_page: bool = True
    loss_is_told_with_the_rest: bool = True
    helpers_leave_a_tombstone: bool = False

    # Readers.
    readers_ask_redis_first: bool = True
