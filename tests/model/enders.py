"""Enders and helpers.

PEEK -> COMMIT -> CLOSE -> RECORD (the rest, a loss, a debt) -> DROP -> answered
helper, or an ender that lost the commit: look at the row -> CLOSE -> RECORD -> DROP -> answered
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from model import observer, postgres_steps, redis_steps
from model.scenario import Scenario
from model.state import TERMINAL, Closing, Ender, Entries, Facts, Ghost, Move, Peek, Redis, Row, World

IDLE = frozenset({"done", "crashed"})


def ender_moves(world: World, who: int, me: Ender, scenario: Scenario) -> Iterator[Move]:
    """Yield the steps that are open to this process, the undisturbed one first."""
    if me.step in IDLE or (me.step == "look" and not _may_look(world, scenario)):
        return
    yield STEPS[me.step](world, who, me, scenario)
    if world.budget.aways and me.step in ("peek", "close"):
        away = world._replace(budget=world.budget._replace(aways=world.budget.aways - 1))
        yield _redis_away(away, who, me, scenario)
        if me.step == "close":
            yield _reply_lost(away, who, me, scenario)
            yield _request_lost(away, who, me, scenario)


def _may_look(world: World, scenario: Scenario) -> bool:
    """Helpers leave the winner its first two seconds: it alone knows what its own CLOSE means."""
    if world.row.status != TERMINAL:
        return False
    return not (scenario.rules.helpers_wait_for_the_winner and winner_at_work(world))


def winner_at_work(world: World) -> bool:
    """Tell whether the winner of the commit lives and is not done yet."""
    return any(isinstance(actor, Ender) and actor.winner and actor.step not in IDLE for actor in world.actors)


def _peek(world: World, who: int, me: Ender, scenario: Scenario) -> Move:
    seen = redis_steps.peek(world.redis, len(world.ghost.accepted), scenario.page)
    if scenario.rules.commit_before_close:
        return f"{me.name}: PEEK -> {seen.entries}", world.after(who, me._replace(step="commit", peek=seen))
    nothing = Facts(0, 0, None, live_debt=False)
    redis, _ = redis_steps.close(
        world.redis, nothing, True, scenario.page, scenario.rules, by_winner=me.winner
    )
    return f"{me.name}: SEAL -> {seen.entries}", world.after(
        who, me._replace(step="commit", peek=seen), redis=redis
    )


def _commit(world: World, who: int, me: Ender, scenario: Scenario) -> Move:
    assert me.peek is not None
    row = postgres_steps.commit(world.row, me.attempt, me.peek, scenario.rules)
    if row is world.row:
        step = "look" if row.status == TERMINAL else "done"
        told = f"{me.name}: COMMIT -> 0 rows, it is {row.status}"
        return told, world.after(who, me._replace(step=step, peek=None))
    winner = me._replace(
        step="close",
        winner=True,
        may_tell=not row.live_debt,
        facts=postgres_steps.facts(row),
        peek=None if scenario.rules.proof_is_taken_at_close else me.peek,
    )
    ghost = world.ghost._replace(known_at_commit=me.peek.known)
    told = f"{me.name}: COMMIT with {row.history}{', owing' if row.live_debt else ''}"
    return told, world.after(who, winner, row=row, ghost=ghost)


def _look(world: World, who: int, me: Ender, scenario: Scenario) -> Move:
    found = postgres_steps.facts(world.row)
    told = f"{me.name}: the row has ended with {world.row.history}{', owing' if found.live_debt else ''}"
    return told, world.after(who, me._replace(step="close", facts=found))


def _close(world: World, who: int, me: Ender, scenario: Scenario) -> Move:
    assert me.facts is not None
    rules = scenario.rules
    keep = (me.facts.live_debt and rules.debt_keeps_the_key) or _leaves_tombstone(me, scenario)
    redis, closing = redis_steps.close(world.redis, me.facts, keep, scenario.page, rules, by_winner=me.winner)
    if me.peek is not None:
        closing = closing._replace(proven=me.peek.proof == me.facts.seed_ticket)
    told = f"{me.name}: CLOSE -> {_shown(closing)}"
    if _must_record(me, me.facts, closing, scenario):
        following = me._replace(step="record", closing=closing)
        return told, world.after(who, following, redis=redis)
    return _answer(told, world, who, me, world.row, redis)


def _must_record(me: Ender, found: Facts, closing: Closing, scenario: Scenario) -> bool:
    """PostgreSQL hears of the close only if there is something to store, to tell, or to pay."""
    may_tell = me.may_tell or found.live_debt or not scenario.rules.only_the_winner_tells
    tells = not closing.proven and may_tell and found.seq_limit > found.history_upto
    return bool(closing.rest) or found.live_debt or tells


def _record(world: World, who: int, me: Ender, scenario: Scenario) -> Move:
    assert me.facts is not None
    assert me.closing is not None
    closing, rules = me.closing, scenario.rules
    row, done = postgres_steps.record(world.row, me.facts.history_upto, closing, me.may_tell, rules)
    if not done:
        told = f"{me.name}: RECORD -> 0 rows, somebody was first"
        return told, world.after(who, me._replace(step="look", closing=None))
    told = f"{me.name}: RECORD {closing.rest} -> {row.history}, lost_to {row.lost_to}"
    if not (closing.kept or _tells_apart(me, scenario)):
        return _answer(told, world, who, me, row, world.redis)
    following = me._replace(step="drop", facts=postgres_steps.facts(row))
    return told, world.after(who, following, row=row)


def _drop(world: World, who: int, me: Ender, scenario: Scenario) -> Move:
    assert me.facts is not None
    assert me.closing is not None
    tombstone = _leaves_tombstone(me, scenario)
    redis = redis_steps.drop(world.redis, me.facts.history_upto, me.closing.whole, tombstone, scenario.rules)
    told = f"{me.name}: DROP({me.facts.history_upto})"
    if not me.closing.whole:
        return told, world.after(who, me._replace(step="look", closing=None), redis=redis)
    if _tells_apart(me, scenario):
        return told, world.after(who, me._replace(step="tell"), redis=redis)
    return _answer(told, world, who, me, world.row, redis)


def _tells_apart(me: Ender, scenario: Scenario) -> bool:
    proven = me.closing is not None and me.closing.proven
    return not (scenario.rules.loss_is_told_with_the_rest or proven)


def _tell(world: World, who: int, me: Ender, scenario: Scenario) -> Move:
    row = postgres_steps.tell(world.row)
    return _answer(f"{me.name}: tells lost_to {row.lost_to}", world, who, me, row, world.redis)


def _owe(world: World, who: int, me: Ender, scenario: Scenario) -> Move:
    row = postgres_steps.owe(world.row, me.in_doubt)
    return _unclosed(f"{me.name}: PG notes the debt", world, who, me, row)


def _redis_away(world: World, who: int, me: Ender, scenario: Scenario) -> Move:
    """Redis cannot be reached for this one call: the end goes on without it, a helper gives up."""
    told = f"{me.name}: {me.step.upper()} cannot reach Redis"
    if me.step == "peek":
        unseen = Peek(len(world.ghost.accepted))
        return told, world.after(who, me._replace(step="commit", peek=unseen))
    return _close_failed(told, world, who, me, scenario)


def _reply_lost(world: World, who: int, me: Ender, scenario: Scenario) -> Move:
    """CLOSE was done, but its reply was lost on the way: the caller can't tell it from the other case."""
    _, following = _close(world, who, me, scenario)
    after = _unheard(world._replace(redis=following.redis), me, world.ghost.lost)
    doubting = me._replace(in_doubt=scenario.rules.unheard_close_is_doubted)
    return _close_failed(f"{me.name}: CLOSE is done, its reply lost", after, who, doubting, scenario)


def _request_lost(world: World, who: int, me: Ender, scenario: Scenario) -> Move:
    """The connection broke before Redis read what it was asked."""
    after = _unheard(world, me, ())
    doubting = me._replace(in_doubt=scenario.rules.unheard_close_is_doubted)
    return _close_failed(f"{me.name}: CLOSE is lost on its way", after, who, doubting, scenario)


def _unheard(world: World, me: Ender, lost: Entries) -> World:
    return world._replace(ghost=world.ghost._replace(unheard=lost)) if me.winner else world


def _close_failed(told: str, world: World, who: int, me: Ender, scenario: Scenario) -> Move:
    """The outcome is committed, so the winner answers 200, after leaving a debt; a helper gives up."""
    assert me.facts is not None
    if not me.winner:
        return told, world.after(who, _over(me, "done"))
    if scenario.rules.failed_close_owes and not me.facts.live_debt:
        return told, world.after(who, me._replace(step="owe"))
    return _unclosed(told, world, who, me, world.row)


def _unclosed(told: str, world: World, who: int, me: Ender, row: Row) -> Move:
    """Answer 200: the outcome is recorded, the rest is left to finish()."""
    ghost = world.ghost._replace(winner_done=True)
    return f"{told}, answered", world.after(who, _over(me, "done"), row=row, ghost=ghost)


def _answer(told: str, world: World, who: int, me: Ender, row: Row, redis: Redis) -> Move:
    following = world.after(who, _over(me, "done"), row=row, redis=redis)
    ghost: Ghost = observer.end_answered(following, me.winner)
    return f"{told}, answered", following._replace(ghost=ghost)


def _leaves_tombstone(me: Ender, scenario: Scenario) -> bool:
    return scenario.rules.helpers_leave_a_tombstone and not me.winner


def _over(me: Ender, step: str) -> Ender:
    return me._replace(step=step, peek=None, facts=None, closing=None, in_doubt=False)


def crash(me: Ender) -> Ender:
    """Take away the remaining steps."""
    return _over(me, "crashed")


def _shown(closing: Closing) -> str:
    kind = "GONE" if closing.gone else f"REST{closing.rest}" if closing.kept else "CLOSED"
    return f"{kind}, {'nothing lost' if closing.proven else 'no proof'}"


STEPS: dict[str, Callable[[World, int, Ender, Scenario], Move]] = {
    "peek": _peek,
    "commit": _commit,
    "look": _look,
    "close": _close,
    "record": _record,
    "drop": _drop,
    "tell": _tell,
    "owe": _owe,
}
