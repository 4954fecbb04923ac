"""The SQL statements: each function is one guarded statement on the row, so one atomic step."""

from __future__ import annotations

from model.rules import Rules
from model.state import IN_PROGRESS, PENDING, TERMINAL, Closing, Entries, Facts, Grant, Peek, Row, Ticket


def buy_block(row: Row, ticket: Ticket, block: int, rules: Rules) -> tuple[Row, Grant]:
    """Buy numbers for a seed, once per ticket; a second purchase means a loss, and tells it.

    Everything at or below the old limit may have been given out, so the new numbers start after it.
    """
    if row.seed_ticket != ticket or not rules.ticket_buys_once:
        start = row.seq_limit if rules.seed_starts_at_old_limit else row.history_upto
        tells = row.seq_limit > 0 and rules.second_seed_tells_loss
        row = row._replace(
            seq_limit=row.seq_limit + block,
            seed_ticket=ticket,
            seed_start=start,
            lost_to=row.seq_limit if tells else row.lost_to,
        )
    return row, Grant(ticket, row.attempt, row.seed_start, row.seq_limit, row.history_upto)


def extend_block(row: Row, block: int) -> Row:
    """Buy more numbers for a key that is live: no loss, so no new start."""
    return row._replace(seq_limit=row.seq_limit + block)


def drain(row: Row, upto: int, entries: Entries, rules: Rules) -> Row:
    """Store what a surviving older list holds, before a seed jumps over it."""
    if rules.drain_is_guarded and (row.history_upto != upto or row.status != IN_PROGRESS):
        return row
    return row._replace(history=row.history + entries)


def lapse(row: Row, attempt: int) -> Row:
    """Put the task back to pending (lapse, release, give-back): the attempt stays spent."""
    if row.status != IN_PROGRESS or row.attempt != attempt:
        return row
    return row._replace(status=PENDING)


def claim(row: Row) -> Row:
    """Give the pending task to the next attempt."""
    if row.status != PENDING:
        return row
    return row._replace(status=IN_PROGRESS, attempt=row.attempt + 1)


def commit(row: Row, attempt: int, peek: Peek, rules: Rules) -> Row:
    """End the task and store what the peek saw; the same row comes back where the guard fails.

    A peek that did not see everything (Redis away, too much, a loss before it, a drain since) leaves a debt:
    only on such rows may finish() be run by somebody who does not know how the end went and still tell a
    loss.
    """
    if row.status == TERMINAL or (attempt and (row.status != IN_PROGRESS or row.attempt != attempt)):
        return row
    fits = row.history_upto == peek.history_upto
    stored = peek.carries and (fits or not peek.entries)
    owes = row.seq_limit > 0 and not (stored and peek.proof == row.seed_ticket)
    return row._replace(
        status=TERMINAL,
        history=row.history + peek.entries if fits else row.history,
        live_debt=owes if rules.unproven_commit_owes else not peek.carries,
    )


def owe(row: Row, in_doubt: bool) -> Row:
    """Leave a debt after the fact: the commit went well, but Redis was not closed, or nobody knows."""
    doubt = row.live_doubt or (in_doubt and not row.live_debt)
    return row._replace(live_debt=True, live_doubt=doubt)


def facts(row: Row) -> Facts:
    """Read what finish() needs."""
    return Facts(row.history_upto, row.seq_limit, row.seed_ticket, row.live_debt, row.live_doubt)


def record(row: Row, upto: int, closing: Closing, may_tell: bool, rules: Rules) -> tuple[Row, bool]:
    """Store the rest, tell a loss, pay the debt: one guarded statement. False where somebody else was first.

    Told is what may be missing up to the limit; only the winner of the commit or the payer of a debt may
    tell it.
    """
    if rules.rest_is_guarded and row.history_upto != upto:
        return row, False
    history = row.history + closing.rest
    last = history[-1] if history else 0
    teller = may_tell or row.live_debt or not rules.only_the_winner_tells
    unproven = closing.whole and not closing.proven and rules.loss_is_told_with_the_rest
    tells = unproven and teller and row.seq_limit > last
    pays = closing.whole or not rules.debt_lasts_to_the_last_page
    return (
        row._replace(
            history=history,
            live_debt=row.live_debt and not pays,
            live_doubt=row.live_doubt and not pays,
            lost_to=row.seq_limit if tells else row.lost_to,
        ),
        True,
    )


def tell(row: Row) -> Row:
    """Tell the loss in a statement of its own, after the rest (refuted: the teller may die in between)."""
    return row._replace(lost_to=row.seq_limit) if row.seq_limit > row.history_upto else row
