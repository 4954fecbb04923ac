"""Where the service is and how patient the client is, from arguments or the environment."""

import os
import random
import re
from dataclasses import dataclass, field
from typing import Final

import httpx

DEFAULT_URL: Final = "http://127.0.0.1:3002"


@dataclass(frozen=True, slots=True, kw_only=True)
class Retries:
    """How often a call is repeated, and how long it waits in between.

    The pause before repeat *n* is ``first_seconds`` × 2^(n-1), at most ``longest_seconds``, of which a random
    part between a half and the whole is waited, or as long as the service's ``Retry-After`` asks for.
    """

    attempts: int = 6
    """Sends of one call in all; 1 never repeats."""
    first_seconds: float = 0.2
    longest_seconds: float = 10.0

    def __post_init__(self) -> None:
        if self.attempts < 1:
            raise ValueError(f"attempts must be 1 or more, not {self.attempts}")

    def pause(self, failures: int, asked: float | None = None) -> float:
        """Seconds to wait after so many failures in a row; ``asked`` is what ``Retry-After`` said."""
        longest = min(self.longest_seconds, self.first_seconds * 2.0 ** min(failures - 1, 30))
        jittered = longest * random.uniform(0.5, 1.0)  # noqa: S311 - spreads callers, guards nothing
        return max(jittered, min(asked or 0.0, _LONGEST_ASKED))


_LONGEST_ASKED: Final = 60.0
"""A service or proxy that asks for more is called again after this."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """Everything a client was told once."""

    base_url: str
    api_key: str | None = field(repr=False)
    timeout: float
    """Seconds a call may take, beside the time it asked to wait."""
    retries: Retries
    pid: int = field(default_factory=os.getpid, repr=False)
    """The process it was made in."""

    @property
    def is_forked(self) -> bool:
        """Whether this process was forked off the one it was made in: sockets and threads stayed there."""
        return os.getpid() != self.pid

    def check_process(self) -> None:
        """Raise ``RuntimeError`` in a process that was forked off: answers there may be the other one's."""
        if self.is_forked:
            raise RuntimeError("this client was opened before a fork; open one in the process that uses it")

    @property
    def address(self) -> str:
        """Where the service is, without a name and password."""
        return str(httpx.URL(self.base_url, userinfo=b""))

    @property
    def headers(self) -> dict[str, str]:
        """What every call carries."""
        headers = {"Accept": "application/json", "User-Agent": _USER_AGENT}
        if self.api_key:
            headers["Authorization"] = f"Bearer {self.api_key}"
        return headers


_USER_AGENT: Final = "tasktracker-client"


_NEVER_IN_URL: Final = re.compile(r"[?#\s]")


def _is_base(url: str) -> bool:
    try:
        parts = httpx.URL(url)
        has_place = bool(parts.host) and (parts.port is None or 0 < parts.port < 65_536)
    except (httpx.InvalidURL, ValueError):
        return False
    return has_place and parts.scheme in ("http", "https") and not _NEVER_IN_URL.search(url)


def config_of(
    base_url: str | None, api_key: str | None, timeout: float, retries: Retries | int | None
) -> Config:
    """What was given, else what ``TASK_TRACKER_URL`` and ``TASK_TRACKER_API_KEY`` say, else the defaults.

    Raises ``ValueError`` where the URL is not one of HTTP, or the key can't be sent.
    """
    url = (base_url or os.environ.get("TASK_TRACKER_URL") or DEFAULT_URL).strip()
    key = (api_key or os.environ.get("TASK_TRACKER_API_KEY") or "").strip()
    if not (key.isascii() and key.isprintable()):
        raise ValueError("the API key has characters that no header can carry")
    if not _is_base(url):
        shown = "the one given (not shown, as it may hold a password)" if "@" in url else repr(url)
        raise ValueError(f"the base URL must look like {DEFAULT_URL}, not {shown}")
    return Config(
        base_url=url.rstrip("/"),
        api_key=key or None,
        timeout=timeout,
        retries=Retries(attempts=retries) if isinstance(retries, int) else retries or Retries(),
    )
