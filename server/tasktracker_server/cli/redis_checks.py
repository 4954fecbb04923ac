"""What ``doctor`` asks Redis or Valkey."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

import redis

from tasktracker_server.cli.database_checks import clock_finding
from tasktracker_server.cli.findings import Finding, Level, judged
from tasktracker_server.settings import masked

OLDEST: Final = 6
CONNECT_SECONDS: Final = 5


def redis_findings(url: str) -> Iterator[Finding]:
    """Reachable, new enough, and not one that forgets what it was given."""
    try:
        with redis.Redis.from_url(
            url, socket_timeout=CONNECT_SECONDS, socket_connect_timeout=CONNECT_SECONDS, decode_responses=True
        ) as client:
            facts: dict[str, Any] = client.info()
            seconds, micros = client.time()
    except (redis.RedisError, OSError) as error:
        advice = "Start it, or correct TASK_TRACKER_REDIS_URL."
        yield Finding(Level.FAIL, "redis", f"{masked(url)}: {error}", advice)
        return
    yield Finding(Level.OK, "redis", f"answers at {masked(url)}")
    yield from _judge(facts)
    yield clock_finding("redis clock", seconds + micros / 1_000_000)


def _judge(facts: Mapping[str, Any]) -> Iterator[Finding]:
    """``facts`` is INFO's answer, which managed services give where they refuse CONFIG."""
    valkey = facts.get("valkey_version")
    release = str(valkey or facts.get("redis_version", "0"))
    is_new = int(release.partition(".")[0]) >= OLDEST
    yield judged(
        is_new,
        "redis version",
        f"{'Valkey' if valkey else 'Redis'} {release}",
        f"Use Redis {OLDEST} or newer.",
    )
    policy = str(facts.get("maxmemory_policy", "unknown"))
    advice = "It may throw live progress away: set maxmemory-policy to noeviction."
    evicts = Level.FAIL if facts.get("maxmemory") else Level.WARN
    yield judged(policy == "noeviction", "redis eviction", policy, advice, evicts)
    kept = bool(facts.get("aof_enabled"))
    advice = "A restart loses progress of unfinished tasks that was acknowledged: set appendonly to yes."
    yield judged(kept, "redis durability", "appendonly is " + ("on" if kept else "off"), advice, Level.WARN)
    clustered = bool(facts.get("cluster_enabled"))
    says = "a cluster" if clustered else "one server"
    yield judged(not clustered, "redis mode", says, "Name a server, or a primary with replicas, instead.")
    is_replica = facts.get("role") == "slave"
    says = "a replica, which can't be written" if is_replica else "can be written"
    yield judged(not is_replica, "redis role", says, "Name the primary.")
