"""The event bus: one subscribing connection for a whole process."""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

import redis.asyncio as aioredis
from redis.asyncio.client import PubSub
from redis.exceptions import RedisError

from tasktracker_server.core.channels import Channel
from tasktracker_server.live.client import LiveClient
from tasktracker_server.live.keys import Keys

log = logging.getLogger(__name__)

Listener = Callable[[bytes], None]

_ACK_SECONDS = 2.0
_RECONNECT_SECONDS = 0.25
_SILENCE_SECONDS = 5.0
_CANCEL_SECONDS = 0.1


class EventBus:
    """Hands each message of a channel to its listeners.

    ``subscribe`` returns once the server has acknowledged, so that nothing published afterwards is
    missed; False where Redis is away. Messages are lost while the connection is down: ``on_lost`` is called
    when it breaks, ``on_restored`` each time it is up, after every channel was acknowledged.
    """

    def __init__(self, client: LiveClient, keys: Keys) -> None:
        self._redis: aioredis.Redis = client.redis
        self._keys = keys
        self._on_restored: Callable[[], None] = lambda: None
        self._on_wake: Listener = lambda message: None
        self._on_lost: Callable[[], None] = lambda: None
        self._turn = asyncio.Lock()
        """Subscribing and unsubscribing reach the server in the order they were asked for."""
        self._listeners: dict[str, Counter[Listener]] = {}
        """By channel, how often each has subscribed; it is told until it has unsubscribed as often."""
        self._acks: dict[str, list[asyncio.Future[bool]]] = {}
        self._pubsub: PubSub | None = None
        self._reader: asyncio.Task[None] | None = None

    def start(
        self,
        *,
        on_restored: Callable[[], None],
        on_lost: Callable[[], None] = lambda: None,
        on_wake: Listener = lambda message: None,
    ) -> None:
        """Begin listening; ``on_wake`` hears what is told to all processes."""
        self._on_restored = on_restored
        self._on_lost = on_lost
        self._on_wake = on_wake
        self._reader = asyncio.create_task(self._keep_listening(), name="event-bus")

    async def aclose(self) -> None:
        """Stop listening."""
        while self._reader is not None and not self._reader.done():
            # Asked once only it may go on: the driver swallows what arrives while it connects.
            self._reader.cancel()
            await asyncio.wait([self._reader], timeout=_CANCEL_SECONDS)

    async def subscribe(self, channels: Sequence[Channel], listener: Listener) -> bool:
        """Listen to channels; whether all of them are being heard by now."""
        names = [self._keys.channel(channel) for channel in channels]
        for name in names:
            self._listeners.setdefault(name, Counter())[listener] += 1
        async with self._turn:
            if self._pubsub is None or not all(name in self._listeners for name in names):
                return False
            acks = [self._ack_of(name) for name in names]
            try:
                await self._pubsub.subscribe(*names)
            except (RedisError, OSError):
                return False
        try:
            async with asyncio.timeout(_ACK_SECONDS):
                return all(await asyncio.gather(*acks))
        except TimeoutError:
            return False

    def _ack_of(self, name: str) -> asyncio.Future[bool]:
        ack: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._acks.setdefault(name, []).append(ack)
        return ack

    async def unsubscribe(self, channels: Sequence[Channel], listener: Listener) -> None:
        """Listen no longer."""
        names = [self._keys.channel(channel) for channel in channels]
        for name in names:
            self._forget(name, listener)
        async with self._turn:
            over = [name for name in names if name not in self._listeners]
            if self._pubsub is not None and over:
                with suppress(RedisError, OSError):
                    await self._pubsub.unsubscribe(*over)

    def _forget(self, name: str, listener: Listener) -> None:
        listeners = self._listeners[name]
        listeners[listener] -= 1
        if not listeners[listener]:
            del listeners[listener]
        if not listeners:
            del self._listeners[name]

    async def _keep_listening(self) -> None:
        while True:
            try:
                async with self._redis.pubsub() as pubsub:
                    await self._resubscribe(pubsub)
                    await self._listen(pubsub)
            except (RedisError, OSError) as error:
                log.warning("the event bus lost Redis: %s", error, extra={"action": "bus_lost"})
            finally:
                self._pubsub = None
                self._give_up_acks()
                self._on_lost()
            await asyncio.sleep(_RECONNECT_SECONDS)

    async def _resubscribe(self, pubsub: PubSub) -> None:
        """Listen to all channels again, those included that are asked for meanwhile."""
        awaited: set[str] = set()
        while missing := [
            channel for channel in (self._keys.wake_channel, *self._listeners) if channel not in awaited
        ]:
            await pubsub.subscribe(*missing)
            awaited.update(missing)
        self._pubsub = pubsub
        while awaited:
            message = await pubsub.get_message(timeout=_ACK_SECONDS)
            if message is None:
                raise RedisError("subscribing was not acknowledged")
            self._take(message)
            if message["type"] == "subscribe":
                awaited.discard(message["channel"].decode())
        self._on_restored()

    async def _listen(self, pubsub: PubSub) -> None:
        """Take messages; a silent connection is asked for a sign of life."""
        asked = False
        while True:
            message = await pubsub.get_message(timeout=_SILENCE_SECONDS)
            if message is not None:
                asked = False
                self._take(message)
            elif asked:
                raise RedisError("the connection is silent")
            else:
                asked = True
                await pubsub.ping()

    def _take(self, message: dict[str, Any]) -> None:
        if message["type"] == "message":
            channel = message["channel"].decode()
            if channel == self._keys.wake_channel:
                self._on_wake(message["data"])
            for listener in list(self._listeners.get(channel, ())):
                listener(message["data"])
        elif message["type"] == "subscribe":
            self._settle_ack(message["channel"].decode())

    def _settle_ack(self, channel: str) -> None:
        waiting = self._acks.get(channel)
        if waiting:
            ack = waiting.pop(0)
            if not waiting:
                del self._acks[channel]
            if not ack.done():
                ack.set_result(True)

    def _give_up_acks(self) -> None:
        for waiting in self._acks.values():
            for ack in waiting:
                if not ack.done():
                    ack.set_result(False)
        self._acks.clear()
