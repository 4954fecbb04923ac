"""Pages beside the API: health and documentation."""

from __future__ import annotations

import httpx
import pytest

from .driver import TASKS
from .shapes import assert_error, assert_json


def test_health_is_ok_and_tells_the_version(read: httpx.Client) -> None:
    health = assert_json(read.get("/healthz"), 200)

    assert set(health) == {"status", "version"}
    assert health["status"] == "ok"
    assert isinstance(health["version"], str)
    assert health["version"]


def test_readiness_tells_of_both_stores(read: httpx.Client) -> None:
    assert assert_json(read.get("/readyz"), 200) == {"status": "ready", "postgres": "ok", "redis": "ok"}


def test_the_api_describes_itself(read: httpx.Client) -> None:
    answer = read.get("/openapi.json")

    assert answer.status_code == 200
    document = answer.json()
    assert document["openapi"].startswith("3.")
    assert any(path.rstrip("/") == TASKS for path in document["paths"])


def test_the_documentation_is_a_page(read: httpx.Client) -> None:
    answer = read.get("/docs", follow_redirects=True)

    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/html")


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/openapi.json"])
def test_a_page_answers_other_methods_with_405(write: httpx.Client, path: str) -> None:
    answer = write.post(path)

    assert_error(answer, 405, "method_not_allowed")
    assert "GET" in answer.headers["allow"]


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/openapi.json", "/docs"])
def test_a_page_answers_head_and_options(read: httpx.Client, path: str) -> None:
    assert read.head(path, follow_redirects=True).status_code == 200
    assert read.options(path).status_code == 204
