"""From request lines to calls."""

import pytest

from tasktracker_schema import routes
from tasktracker_schema.routes import ROUTES
from tasktracker_server.core.errors import InvalidRequest
from tasktracker_server.http.endpoints import ENDPOINTS
from tasktracker_server.http.routing import MethodNotAllowed, RouteNotFound, Router, Target

BASE = routes.BASE_PATH


def find(method: str, path: str) -> Target:
    return Router(ROUTES).find(method, path)


def test_every_route_has_an_endpoint_and_is_found() -> None:
    for route in ROUTES:
        target = find(route.method, route.path.replace("{taskId}", "enc-1"))

        assert target.route is route
        assert target.task_id == ("enc-1" if route.takes_task_id else "")
        assert route.name in ENDPOINTS


@pytest.mark.parametrize(
    ("method", "path", "route", "task_id"),
    [
        ("POST", f"{BASE}/", routes.REGISTER, ""),
        ("POST", f"{BASE}/claim/", routes.CLAIM, ""),
        ("POST", f"{BASE}/timeouts/process/", routes.PROCESS_TIMEOUTS, ""),
        ("GET", f"{BASE}/x/", routes.GET, "x"),
        ("HEAD", f"{BASE}/x", routes.GET, "x"),
        ("POST", f"{BASE}/x/complete/", routes.COMPLETE, "x"),
        ("GET", f"{BASE}/a%3Ab%40c", routes.GET, "a:b@c"),
        ("GET", f"{BASE}/%65nc-1/track", routes.TRACK, "enc-1"),
        ("GET", f"{BASE}/a:b@c~=.-", routes.GET, "a:b@c~=.-"),
        ("GET", f"{BASE}/" + "x" * 64, routes.GET, "x" * 64),
        ("GET", f"http://somewhere:80{BASE}/x", routes.GET, "x"),
        ("GET", "HTTPS://somewhere/healthz", routes.HEALTHZ, ""),
    ],
)
def test_spellings_of_a_path(method: str, path: str, route: routes.Route, task_id: str) -> None:
    target = find(method, path)

    assert (target.route, target.task_id) == (route, task_id)


@pytest.mark.parametrize(
    "path",
    [
        "//",
        "/nope",
        "/api/v1",
        f"{BASE}//",
        f"{BASE}s",
        f"{BASE}/x/nope",
        f"{BASE}/x//",
        f"{BASE}/x/y/z",
        "nope",
        "/healthz//",
        f"{BASE}//complete",
        "*",
        "",
        "ftp://x/healthz",
        "/HEALTHZ",
        "/docs/x",
    ],
)
def test_an_unknown_path_is_not_found(path: str) -> None:
    with pytest.raises(RouteNotFound):
        find("GET", path)


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("PUT", BASE, "POST, GET, HEAD, OPTIONS"),
        ("GET", f"{BASE}/claim", "POST, OPTIONS"),
        ("DELETE", f"{BASE}/x", "GET, HEAD, OPTIONS"),
        ("HEAD", f"{BASE}/x/track", "GET, OPTIONS"),
        ("get", "/healthz", "GET, HEAD, OPTIONS"),
        ("TRACE", f"{BASE}/x/complete/", "POST, OPTIONS"),
    ],
)
def test_another_method_is_told_what_is_allowed(method: str, path: str, allow: str) -> None:
    with pytest.raises(MethodNotAllowed) as refused:
        find(method, path)

    assert refused.value.allow == allow


def test_options_is_answered_everywhere() -> None:
    assert find("OPTIONS", f"{BASE}/claim") == (None, "", "POST, OPTIONS")
    assert find("OPTIONS", f"{BASE}/x/track").allow == "GET, OPTIONS"
    assert find("OPTIONS", "*").allow == "POST, GET, HEAD, OPTIONS"


@pytest.mark.parametrize(
    "task_id",
    [
        "-x",
        "x" * 65,
        "a b",
        "a%20b",
        "%",
        "%zz",
        "%00",
        "a%2Fb",
        "%ff",
        "\xe9",
        "%C3%A9",
        "x%0A",
        "a%25b",
        "timeouts",
    ],
)
def test_an_impossible_id_is_a_bad_request(task_id: str) -> None:
    with pytest.raises(InvalidRequest, match="`taskId`"):
        find("GET", f"{BASE}/{task_id}")


def test_a_word_of_the_api_is_no_id() -> None:
    with pytest.raises(InvalidRequest, match="a word of the API"):
        find("POST", f"{BASE}/%63laim/complete")
