"""Writers: append, and ask PostgreSQL whenever Redis does not know enough.

APPEND -> NEED_SEED   -> buy a block -> SEED (AGAIN, or DRAIN -> store the old list) -> APPEND ...
       -> NEED_VERIFY -> read the row -> VERIFY -> APPEND ...
       -> NEED_BLOCK  -> buy a block -> raise the limit -> APPEND ...
       -> OK | STALE | ENDED
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from model import observer, postgres_steps, redis_steps
from model.scenario import Scenario
from model.state import IN_PROGRESS, Grant, Move, Ticket, World, Writer


def writer_moves(world: World, who: int, me: Writer, scenario: Scenario) -> Iterator[Move]:
    """Yield the next step, if the writer has one; a worker writes only after its claim was answered."""
    if me.step != "done" and me.attempt <= world.ghost.claimed:
        yield STEPS[me.step](world, who, me, scenario)


def _append(world: World, who: int, me: Writer, scenario: Scenario) -> Move:
    nonce = Ticket(world.ghost.tickets, world.redis.incarnation)
    redis, reply = redis_steps.append(world.redis, me.attempt, nonce, scenario.rules)
    ghost = world.ghost
    if reply.ticket == nonce:
        ghost = ghost._replace(tickets=ghost.tickets + 1)
    if reply.kind == redis_steps.OK:
        ghost = observer.accepted(world, me, reply.seq)
        following = me._replace(left=me.left - 1, step="append" if me.left > 1 else "done")
        return f"{me.name}: APPEND -> OK {reply.seq}", world.after(who, following, redis=redis, ghost=ghost)
    if reply.kind in AFTER_APPEND:
        following = me._replace(step=AFTER_APPEND[reply.kind], ticket=reply.ticket)
    else:
        observer.refused(world, me, reply.kind)
        following = _over(me)
    told = f"{me.name}: APPEND -> {reply.kind} {_shown(reply.ticket)}"
    return told, world.after(who, following, redis=redis, ghost=ghost)


def _buy(world: World, who: int, me: Writer, scenario: Scenario) -> Move:
    if world.row.status != IN_PROGRESS:
        return f"{me.name}: seed refused, the row is {world.row.status}", world.after(who, _over(me))
    assert me.ticket is not None
    row, grant = postgres_steps.buy_block(world.row, me.ticket, scenario.block, scenario.rules)
    told = f"{me.name}: PG buys for {_shown(me.ticket)}: start {grant.start}, limit {grant.limit}"
    return told, world.after(who, me._replace(step="seed", ticket=None, grant=grant), row=row)


def _seed(world: World, who: int, me: Writer, scenario: Scenario) -> Move:
    assert me.grant is not None
    redis, reply, unstored = redis_steps.seed(world.redis, me.grant, scenario.rules)
    told = f"{me.name}: SEED {_shown(me.grant.ticket)} for attempt {me.grant.attempt} -> {reply}"
    if reply == redis_steps.DRAIN:
        return f"{told} {unstored}", world.after(who, me._replace(step="drain", drain=unstored))
    return told, world.after(who, me._replace(step="append", grant=None), redis=redis)


def _drain(world: World, who: int, me: Writer, scenario: Scenario) -> Move:
    assert me.grant is not None
    row = postgres_steps.drain(world.row, me.grant.history_upto, me.drain, scenario.rules)
    following = me._replace(step="append", grant=None, drain=())
    return f"{me.name}: PG stores the old list {me.drain}", world.after(who, following, row=row)


def _verify_read(world: World, who: int, me: Writer, scenario: Scenario) -> Move:
    if world.row.status != IN_PROGRESS:
        return f"{me.name}: PG says {world.row.status}", world.after(who, _over(me))
    assert me.ticket is not None
    grant = Grant(me.ticket, world.row.attempt, 0, 0, 0)
    following = me._replace(step="verify", ticket=None, grant=grant)
    return f"{me.name}: PG says attempt {grant.attempt} holds the task", world.after(who, following)


def _verify(world: World, who: int, me: Writer, scenario: Scenario) -> Move:
    assert me.grant is not None
    redis, reply = redis_steps.verify(world.redis, me.grant.ticket, me.grant.attempt)
    told = f"{me.name}: VERIFY {_shown(me.grant.ticket)} for attempt {me.grant.attempt} -> {reply}"
    return told, world.after(who, me._replace(step="append", grant=None), redis=redis)


def _extend(world: World, who: int, me: Writer, scenario: Scenario) -> Move:
    if world.row.status != IN_PROGRESS:
        return f"{me.name}: no block, the row is {world.row.status}", world.after(who, _over(me))
    row = postgres_steps.extend_block(world.row, scenario.block)
    following = me._replace(step="raise", limit=row.seq_limit)
    return f"{me.name}: PG extends the block to {row.seq_limit}", world.after(who, following, row=row)


def _raise(world: World, who: int, me: Writer, scenario: Scenario) -> Move:
    assert me.ticket is not None
    redis = redis_steps.raise_limit(world.redis, me.ticket, me.limit)
    following = me._replace(step="append", ticket=None, limit=0)
    return f"{me.name}: Redis may number up to {me.limit}", world.after(who, following, redis=redis)


def _over(me: Writer) -> Writer:
    return me._replace(step="done", left=0, ticket=None, grant=None, drain=())


def _shown(ticket: Ticket | None) -> str:
    return "" if ticket is None else f"t{ticket.number}@{ticket.incarnation}"


AFTER_APPEND = {
    redis_steps.NEED_SEED: "buy",
    redis_steps.NEED_VERIFY: "verify_read",
    redis_steps.NEED_BLOCK: "extend",
}

STEPS: dict[str, Callable[[World, int, Writer, Scenario], Move]] = {
    "append": _append,
    "buy": _buy,
    "seed": _seed,
    "drain": _drain,
    "verify_read": _verify_read,
    "verify": _verify,
    "extend": _extend,
    "raise": _raise,
}
