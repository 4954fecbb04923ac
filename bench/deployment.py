"""A service on embedded stores, as the scripts that are not about single calls use it."""

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final

import httpx

from tasktracker_server.demo.processes import LISTENING, service
from tasktracker_server.embedded import ephemeral

TASKS: Final = "/api/v1/tasks"


class Deployment:
    """What a script may ask of a running service."""

    def __init__(self, url: str, database_url: str) -> None:
        self.url = url
        self.database_url = database_url
        self.client = httpx.Client(base_url=url, timeout=120, trust_env=False)

    def post(self, path: str, body: Any) -> Any:
        """The decoded answer of a call that has to succeed."""
        answer = self.client.post(f"{TASKS}{path}", json=body)
        answer.raise_for_status()
        return answer.json()

    def bulk(self, verb: str, items: Sequence[Any]) -> list[Any]:
        """The outcomes of a bulk call, all of which have to succeed."""
        answer = self.post(f"/bulk/{verb}", {"tasks" if verb == "register" else "items": list(items)})
        if answer["failedCount"]:
            raise RuntimeError(f"{answer['failedCount']} of {len(items)} failed: {answer['results'][:3]}")
        return list(answer["results"])


@contextmanager
def deployment(*serve_options: str) -> Iterator[Deployment]:
    """Durable embedded stores and one service, for as long as the block runs."""
    with ExitStack() as started:
        folder = Path(started.enter_context(tempfile.TemporaryDirectory()))
        stores = started.enter_context(ephemeral(durable=True))
        urls = ["--database-url", str(stores.database_url), "--redis-url", str(stores.redis_url)]
        child = started.enter_context(service(["--port", "0", *urls, *serve_options], folder / "service.log"))
        made = Deployment(child.wait_for(LISTENING), str(stores.database_url))
        started.callback(made.client.close)
        yield made
