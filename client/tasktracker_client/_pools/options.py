"""What a pool was told, for whichever way it runs."""

from dataclasses import dataclass
from typing import Any

from tasktracker_client._working.worker import HeartbeatsBy


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolOptions:
    """How a pool works; see ``WorkerPool``."""

    concurrency: int
    lease_seconds: int
    wait_seconds: int
    latest_seconds: float
    heartbeats: HeartbeatsBy
    grace_seconds: float

    def of_worker(self, until_empty: bool) -> dict[str, Any]:
        """The arguments of the worker behind it."""
        return {
            "lease_seconds": self.lease_seconds,
            "wait_seconds": self.wait_seconds,
            "latest_seconds": self.latest_seconds,
            "heartbeats": self.heartbeats,
            "until_empty": until_empty,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One run of a pool: where its clients go, in whichever process they are made, and until when."""

    base_url: str | None
    api_key: str | None
    until_empty: bool
