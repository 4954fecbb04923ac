"""The Lua scripts: each function is one script, so one atomic step.

The run of the server (``incarnation``) travels with the connection, so a script always compares with the
current one.
"""

from __future__ import annotations

from typing import NamedTuple

from model.rules import Rules
from model.state import (
    CLOSED,
    LIVE,
    PARKED,
    SEEDING,
    Closing,
    Entries,
    Facts,
    Grant,
    Live,
    Peek,
    Redis,
    Ticket,
)

OK, NEED_SEED, NEED_VERIFY, NEED_BLOCK = "OK", "NEED_SEED", "NEED_VERIFY", "NEED_BLOCK"
STALE, ENDED, AGAIN, DRAIN = "STALE", "ENDED", "AGAIN", "DRAIN"


class Append(NamedTuple):
    """APPEND's reply."""

    kind: str
    ticket: Ticket | None = None
    seq: int = 0


def append(redis: Redis, attempt: int, nonce: Ticket, rules: Rules) -> tuple[Redis, Append]:
    """Append one entry if the key is live and the caller is not stale, else say what is missing.

    A key that is absent, from an older run of the server, due for its check, or behind the caller's attempt
    gets a ticket: who wants to write must first ask PostgreSQL.
    """
    live = redis.live
    if live is None:
        return redis._replace(live=Live(SEEDING, ticket=nonce)), Append(NEED_SEED, nonce)
    if live.state == SEEDING:
        shared = live.ticket if rules.waiting_seeders_share_a_ticket else None
        return _with_ticket(redis, live, shared, nonce, NEED_SEED, rules)
    if live.state == CLOSED:
        return redis, Append(ENDED)
    if live.incarnation != redis.incarnation and rules.runs_are_told_apart:
        return _with_ticket(redis, live, live.ticket, nonce, NEED_SEED, rules)
    if live.verify_due or attempt > live.attempt:
        return _with_ticket(redis, live, live.ticket, nonce, NEED_VERIFY, rules)
    if live.state == PARKED or (attempt and attempt < live.attempt):
        return redis, Append(STALE)
    seq = redis.seq + 1
    if seq > live.limit and rules.numbers_stay_in_the_block:
        return redis, Append(NEED_BLOCK, live.seeded_with)
    return redis._replace(seq=seq, entries=(*redis.entries, seq)), Append(OK, seq=seq)


def _with_ticket(
    redis: Redis, live: Live, pending: Ticket | None, nonce: Ticket, kind: str, rules: Rules
) -> tuple[Redis, Append]:
    """Hand out the pending ticket, or the caller's nonce where there is none of this run."""
    if pending is None or (
        pending.incarnation != redis.incarnation and rules.tickets_of_older_runs_are_replaced
    ):
        pending = nonce
    return redis._replace(live=live._replace(ticket=pending)), Append(kind, pending)


def seed(redis: Redis, grant: Grant, rules: Rules) -> tuple[Redis, str, Entries]:
    """Make the key live with the numbers bought; trim and seed are one step, once all is stored."""
    live = redis.live
    if not (_may_seed(redis, grant, rules) if rules.seed_needs_ticket else _attempt_fits(live, grant)):
        return redis, AGAIN, ()
    unstored = tuple(seq for seq in redis.entries if seq > grant.history_upto)
    if unstored and rules.seed_drains_first:
        return redis, DRAIN, unstored
    fresh = Live(
        LIVE,
        attempt=grant.attempt,
        limit=grant.limit,
        incarnation=redis.incarnation,
        history_upto=grant.history_upto,
        seeded_with=grant.ticket,
    )
    return Redis(fresh, grant.start, (), redis.incarnation), OK, ()


def _may_seed(redis: Redis, grant: Grant, rules: Rules) -> bool:
    """A ticket counts if it is pending, of this run, and its news is not older than the last fence."""
    live = redis.live
    if live is None or live.ticket != grant.ticket:
        return False
    if grant.ticket.incarnation != redis.incarnation and rules.runs_are_told_apart:
        return False
    if live.state == SEEDING and rules.seed_obeys_the_fence:
        return grant.attempt > live.attempt or (grant.attempt == live.attempt and not live.parked)
    return True


def _attempt_fits(live: Live | None, grant: Grant) -> bool:
    """The refuted guard: fence a seed by the attempt number alone."""
    return live is None or (live.state != CLOSED and live.attempt <= grant.attempt)


def verify(redis: Redis, ticket: Ticket, attempt: int) -> tuple[Redis, str]:
    """Note what PostgreSQL said about the holder; never touches the list or the counter."""
    live = redis.live
    if live is None or live.ticket != ticket or live.incarnation != redis.incarnation:
        return redis, AGAIN
    return redis._replace(live=live._replace(state=LIVE, attempt=attempt, ticket=None, verify_due=False)), OK


def raise_limit(redis: Redis, seeded_with: Ticket, limit: int) -> Redis:
    """Let the key that asked for a block use it; a key seeded since has numbers of its own."""
    live = redis.live
    if live is None or live.seeded_with != seeded_with or live.limit >= limit:
        return redis
    return redis._replace(live=live._replace(limit=limit))


def fence(redis: Redis, state: str, attempt: int, rules: Rules) -> Redis:
    """Park the key, or hand it to ``attempt``; a fence that comes late changes nothing."""
    live = redis.live
    if live is None or live.state == CLOSED:
        return redis
    if live.state == SEEDING and not rules.fence_keeps_the_ticket:
        return Redis(incarnation=redis.incarnation)
    newer = attempt > live.attempt or (attempt == live.attempt and state == PARKED)
    if rules.fences_are_compared and not newer:
        return redis
    if live.state == SEEDING:
        return redis._replace(live=live._replace(attempt=attempt, parked=state == PARKED))
    return redis._replace(live=live._replace(state=state, attempt=max(attempt, live.attempt), ticket=None))


def peek(redis: Redis, known: int, page: int) -> Peek:
    """Read what an end could carry into its commit; more than ``page`` entries are too many."""
    live = redis.live
    if live is None:
        return Peek(known, carries=True)
    if len(redis.entries) > page:
        return Peek(known)
    return Peek(known, redis.entries, live.history_upto, _proof(redis, live), carries=True)


def _proof(redis: Redis, live: Live) -> Ticket | None:
    """The ticket since which this key has seen everything, if the server's run is still the same."""
    proof = live.ticket if live.state == SEEDING else live.seeded_with
    return proof if proof is not None and proof.incarnation == redis.incarnation else None


def close(
    redis: Redis, found: Facts, keep: bool, page: int, rules: Rules, *, by_winner: bool
) -> tuple[Redis, Closing]:
    """End the key for good, and return what PostgreSQL lacks (at most ``page`` entries).

    Nothing can have been lost since the last seed iff the key knows the row's ticket, in the run it was made
    under; or iff it does not, in that run, because a CLOSE removed it whose reply was lost. That is so where
    the row is in doubt, as the winner's PEEK saw the ticket; not if a mark tells that its CLOSE did not,
    or if there are entries: a flush and a purchase that came late may have given the ticket to another key.
    ``keep`` leaves the closed key as evidence even where nothing is left to store.
    """
    live, upto, row_ticket = redis.live, found.history_upto, found.seed_ticket
    empty = Redis(incarnation=redis.incarnation)
    gone = Closing(gone=True, kept=False, rest=(), whole=True, proven=False)
    seeding = live is not None and live.state == SEEDING
    if seeding and not rules.close_ends_the_ticket:
        return redis, gone._replace(proven=True)
    proof = None if live is None else _proof(redis, live)
    proven = proof is not None and proof == row_ticket and (rules.ticket_is_a_proof or not seeding)
    is_ours = row_ticket is not None and row_ticket.incarnation == redis.incarnation
    is_marked = live is not None and live.lost
    if found.live_doubt and is_ours and not (proven or redis.entries or is_marked):
        return empty, gone._replace(proven=True)
    marks = by_winner and not keep and row_ticket is not None and rules.unproven_close_leaves_a_mark
    if live is None:
        return _marked(empty, gone) if marks else (empty, gone)
    rest = tuple(seq for seq in redis.entries if seq > upto)
    if not rest and not keep:
        closing = gone._replace(gone=False, proven=proven)
        return _marked(empty, closing) if marks and not proven else (empty, closing)
    pending = None if rules.close_ends_the_pending_ticket else live.ticket
    closed = live._replace(
        state=CLOSED,
        ticket=pending,
        seeded_with=live.ticket if seeding else live.seeded_with,
        verify_due=False,
    )
    kept = redis._replace(live=closed) if rest else empty._replace(live=closed)
    return kept, Closing(False, True, rest[:page], len(rest) <= page, proven)


def _marked(empty: Redis, closing: Closing) -> tuple[Redis, Closing]:
    return empty._replace(live=Live(CLOSED, lost=True)), closing._replace(kept=True)


def drop(redis: Redis, upto: int, whole: bool, tombstone: bool, rules: Rules) -> Redis:
    """Delete a closed key whose last entry is stored; a tombstone keeps the evidence for a while.

    After a page that is not the last, a closed key without a list is somebody else's tombstone, and stays.
    """
    live = redis.live
    if live is None or live.state != CLOSED:
        return redis
    stored = redis.entries[-1] <= upto if redis.entries else whole
    if rules.drop_compares_the_last and not stored:
        return redis
    return Redis(live if tombstone else None, incarnation=redis.incarnation)
