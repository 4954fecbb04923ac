"""The connection to Redis under more calls than it has connections."""

import asyncio

from tasktracker_server.live.client import LiveClient, command


def test_calls_wait_for_their_turn_instead_of_taking_redis_for_away(redis_url: str) -> None:
    async def call_at_once() -> tuple[list[list[object]], bool]:
        client = LiveClient(redis_url, connections=2)
        try:
            answers = await asyncio.gather(*(client.run([command("PING")]) for _ in range(100)))
            return answers, client.is_away
        finally:
            await client.aclose()

    answers, is_away = asyncio.run(call_at_once())

    assert answers == [[True]] * 100
    assert not is_away
