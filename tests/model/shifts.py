"""Those who change hands (lapse, claim), who read (GET), and the faults that nobody chooses."""

from __future__ import annotations

from collections.abc import Iterator

from model import enders, observer, postgres_steps, redis_steps
from model.scenario import Scenario
from model.state import LIVE, PARKED, SEEDING, Ender, Move, Reader, Redis, Shift, World


def shift_moves(world: World, who: int, me: Shift, scenario: Scenario) -> Iterator[Move]:
    """Lapse -> FENCE(parked); claim -> FENCE(live) -> answered."""
    if me.step == "lapse":
        row = postgres_steps.lapse(world.row, me.attempt)
        step = "fence" if row is not world.row else "done"
        yield f"{me.name}: lapse of attempt {me.attempt}", world.after(who, me._replace(step=step), row=row)
    elif me.step == "claim":
        row = postgres_steps.claim(world.row)
        if row is not world.row:
            yield (
                f"{me.name}: claim",
                world.after(who, me._replace(step="fence", attempt=row.attempt), row=row),
            )
    elif me.step == "fence":
        yield from _fence(world, who, me, scenario)


def _fence(world: World, who: int, me: Shift, scenario: Scenario) -> Iterator[Move]:
    claims = me.name.startswith("claim")
    state = LIVE if claims else PARKED
    redis, ghost = world.redis, world.ghost
    if claims:
        ghost = ghost._replace(claimed=me.attempt)
    if scenario.rules.claim_fences or not claims:
        redis = redis_steps.fence(redis, state, me.attempt, scenario.rules)
    done = me._replace(step="done")
    yield f"{me.name}: FENCE({state}, {me.attempt})", world.after(who, done, redis=redis, ghost=ghost)
    if world.budget.aways:
        away = world._replace(budget=world.budget._replace(aways=world.budget.aways - 1))
        unfenced = ghost._replace(claimed_unfenced=ghost.claimed_unfenced or claims)
        yield f"{me.name}: FENCE cannot reach Redis", away.after(who, done, ghost=unfenced)


def reader_moves(world: World, who: int, me: Reader, scenario: Scenario) -> Iterator[Move]:
    """Read both stores, Redis first; every entry answered before the first read must be in the merge."""
    if me.step == "done":
        return
    redis_now = (me.step == "first") == scenario.rules.readers_ask_redis_first
    seen = world.redis.entries if redis_now else world.row.history
    source = "Redis" if redis_now else "PostgreSQL"
    if me.step == "first":
        following = Reader(me.name, "second", world.ghost.accepted, seen)
    else:
        observer.read(world, me.expected, me.seen + seen)
        following = Reader(me.name, "done")
    yield f"{me.name}: reads {seen} in {source}", world.after(who, following)


def fault_moves(world: World, scenario: Scenario) -> Iterator[Move]:
    """Yield every fault that the budget still allows."""
    budget = world.budget
    if budget.flushes and world.redis.live is not None:
        empty = Redis(incarnation=world.redis.incarnation)
        yield "FLUSHALL", _replaced(world, empty)._replace(budget=budget._replace(flushes=budget.flushes - 1))
    if budget.restarts:
        yield from _restart(world)
    yield from _clock(world)
    if budget.crashes:
        for who, actor in enumerate(world.actors):
            if isinstance(actor, Ender) and actor.step not in (*enders.IDLE, "peek", "look"):
                crashed = world.after(who, enders.crash(actor))
                yield (
                    f"{actor.name} crashes",
                    crashed._replace(budget=budget._replace(crashes=budget.crashes - 1)),
                )


def _restart(world: World) -> Iterator[Move]:
    """A new run of the server: with the data of the snapshot, or with none where no snapshot was taken."""
    if world.snapshot is None and world.redis.live is not None:
        yield "Redis saves a snapshot", world._replace(snapshot=world.redis)
    older = world.snapshot or Redis()
    restarted = older._replace(incarnation=world.redis.incarnation + 1)
    budget = world.budget._replace(restarts=world.budget.restarts - 1)
    told = f"Redis restarts with {restarted.entries if restarted.live else 'nothing'}"
    yield told, _replaced(world, restarted)._replace(budget=budget, snapshot=None)


def _clock(world: World) -> Iterator[Move]:
    """Time passes: a ticket's key expires, or a live key is due for its check."""
    budget, live = world.budget, world.redis.live
    if live is None:
        return
    if live.state == SEEDING and budget.expiries:
        ghost = world.ghost._replace(ticket_expired=True)
        yield (
            "the ticket's key expires",
            world._replace(
                redis=Redis(incarnation=world.redis.incarnation),
                ghost=ghost,
                budget=budget._replace(expiries=budget.expiries - 1),
            ),
        )
    if live.state in (LIVE, PARKED) and budget.verifies and not live.verify_due:
        due = world.redis._replace(live=live._replace(verify_due=True))
        spent = budget._replace(verifies=budget.verifies - 1)
        yield "the live key is due for its check", world._replace(redis=due, budget=spent)


def _replaced(world: World, redis: Redis) -> World:
    """Redis now has other data: remember which entries only it had."""
    return world._replace(redis=redis, ghost=observer.redis_replaced(world, redis))
