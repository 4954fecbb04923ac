"""What a process says of itself."""

from collections.abc import Awaitable, Callable

from tasktracker_schema.answers import Readiness


class Health:
    """Asks both stores; a service without Redis is still ready, one without PostgreSQL is not."""

    def __init__(
        self, version: str, postgres: Callable[[], Awaitable[bool]], redis: Callable[[], Awaitable[bool]]
    ) -> None:
        self.version = version
        self._postgres = postgres
        self._redis = redis

    async def readiness(self) -> Readiness:
        """``ready`` or ``unavailable``, and which stores answer."""
        postgres, redis = await self._postgres(), await self._redis()
        return Readiness("ready" if postgres else "unavailable", _word(postgres), _word(redis))


def _word(answers: bool) -> str:
    return "ok" if answers else "unavailable"
