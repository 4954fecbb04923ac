"""The connection to Redis or Valkey: scripts and commands in one pipeline, failing fast while it is away."""

import asyncio
import os
import time
from collections.abc import Sequence
from typing import Any, NamedTuple

import redis.asyncio as aioredis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import NoScriptError, RedisError

from tasktracker_server.core.errors import RedisUnavailable
from tasktracker_server.live import scripts

_PAUSE_AFTER_FAILURE = 0.5
"""Seconds in which nobody else waits for a connection that was just refused or timed out."""

_LISTENING = 2
"""Connections besides: the bus listens on one of its own, and may still hold the one it lost."""


class Call(NamedTuple):
    """A script with its keys and arguments, or (``script`` empty) a plain command."""

    script: str
    keys: tuple[str, ...]
    args: tuple[Any, ...]


class ConnectionBroken(RedisUnavailable):
    """The connection broke after calls were sent: they may have been done."""

    may_be_done = True


def command(*words: Any) -> Call:
    """A plain Redis command."""
    return Call("", (), words)


class LiveClient:
    """Runs batches of calls, each batch in one round trip; so many at once, the others wait for their turn.

    Raises:
        RedisUnavailable: Redis did not answer; some of the batch may have been done all the same.
    """

    def __init__(self, url: str, *, timeout: float = 2.0, connections: int = 16) -> None:
        self.redis: aioredis.Redis = aioredis.Redis.from_url(
            url,
            socket_timeout=timeout,
            socket_connect_timeout=timeout,
            retry=Retry(NoBackoff(), 0),
            max_connections=connections + _LISTENING,
            protocol=2,
            client_name=f"tasktracker:{os.getpid()}",  # for those who look at CLIENT LIST
        )
        # A pool that runs out of connections refuses, which would look as if Redis were away.
        self._turns = asyncio.Semaphore(connections)
        self._scripts: dict[str, scripts.Script] = {}
        self._away_until = 0.0

    @property
    def is_away(self) -> bool:
        """Whether Redis failed a moment ago."""
        return time.monotonic() < self._away_until

    async def run(self, calls: Sequence[Call]) -> list[Any]:
        """The answers in order; an error of a single call stands in its place."""
        if not calls:
            return []
        async with self._turns:
            return await self._run(calls)

    async def _run(self, calls: Sequence[Call]) -> list[Any]:
        if self.is_away:
            raise RedisUnavailable
        sent = False
        try:
            await self._connect()
            sent = True
            answers = await self._pipeline(calls)
            for _ in range(3):
                unknown = [n for n, answer in enumerate(answers) if isinstance(answer, NoScriptError)]
                if not unknown:
                    break
                await self._learn_incarnation()
                await self._load({calls[n].script for n in unknown})
                for n, answer in zip(unknown, await self._pipeline([calls[n] for n in unknown]), strict=True):
                    answers[n] = answer
        except (RedisError, OSError) as error:
            self._away_until = time.monotonic() + _PAUSE_AFTER_FAILURE
            raise (ConnectionBroken if sent else RedisUnavailable) from error
        return answers

    async def _connect(self) -> None:
        """See that a connection is open, so that a failure from here on is known to come after sending."""
        pool = self.redis.connection_pool
        await pool.release(await pool.get_connection())  # type: ignore[no-untyped-call]  # redis-py's own
        if not self._scripts:
            await self._learn_incarnation()

    async def _pipeline(self, calls: Sequence[Call]) -> list[Any]:
        pipe = self.redis.pipeline(transaction=False)
        for script, keys, args in calls:
            if script:
                pipe.execute_command("EVALSHA", self._scripts[script].sha, len(keys), *keys, *args)
            else:
                pipe.execute_command(*args)
        return await pipe.execute(raise_on_error=False)

    async def _learn_incarnation(self) -> None:
        info = await self.redis.info("server")
        self._scripts = scripts.made_for(info["run_id"])

    async def _load(self, names: set[str]) -> None:
        """Run each script once without keys, which stores it and does nothing else."""
        for name in names:
            await self.redis.execute_command("EVAL", self._scripts[name].text, 0)  # type: ignore[no-untyped-call]  # redis-py\'s own

    async def answers(self) -> bool:
        """Whether Redis answers a trivial question."""
        try:
            await self.run([command("PING")])
        except RedisUnavailable:
            return False
        return True

    async def aclose(self) -> None:
        """Close every connection."""
        await self.redis.aclose()
