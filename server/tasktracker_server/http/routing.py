"""From a request line to the call it means.

Paths without an id are looked up whole; for the others the id is cut out and what stands around it is
looked up. No pattern is tried against a path, so the cost does not grow with the number of routes.
"""

from collections.abc import Iterable
from typing import Final, NamedTuple
from urllib.parse import unquote_to_bytes

from tasktracker_schema.errors import ErrorCode
from tasktracker_schema.names import RESERVED_TASK_IDS, is_task_id
from tasktracker_schema.routes import BASE_PATH, Route
from tasktracker_server.core.errors import InvalidRequest, TrackerError
from tasktracker_server.http.wording import TASK_ID_WORDS

_TASK_PREFIX: Final = f"{BASE_PATH}/"
_PREFIX_LENGTH: Final = len(_TASK_PREFIX)


class RouteNotFound(TrackerError):
    """Nothing answers at this path."""

    code = ErrorCode.ROUTE_NOT_FOUND


class MethodNotAllowed(TrackerError):
    """The path exists; this method on it does not."""

    code = ErrorCode.METHOD_NOT_ALLOWED

    def __init__(self, method: str, path: str, allow: str) -> None:
        super().__init__(f"{method} is not allowed on {path}; use {allow}.")
        self.allow = allow


class Target(NamedTuple):
    """What a request is aimed at."""

    route: Route | None
    """None for OPTIONS, which every path answers by itself."""
    task_id: str
    allow: str


class Resource:
    """One path and the methods it answers."""

    __slots__ = ("allow", "routes")

    def __init__(self) -> None:
        self.routes: dict[str, Route] = {}
        self.allow = ""

    def add(self, route: Route) -> None:
        """Let the path answer this route's method; a GET answers HEAD too, unless it is a stream."""
        self.routes[route.method] = route
        if route.method == "GET" and route.media != "events":
            self.routes["HEAD"] = route
        self.allow = ", ".join([*self.routes, "OPTIONS"])

    def target(self, method: str, path: str, task_id: str) -> Target:
        """What this method means here."""
        route = self.routes.get(method)
        if route is None and method != "OPTIONS":
            raise MethodNotAllowed(method, path, self.allow)
        return Target(route, task_id, self.allow)


class Router:
    """Finds the route of a request."""

    def __init__(self, routes: Iterable[Route]) -> None:
        self._fixed: dict[str, Resource] = {}
        self._of_task: dict[str, Resource] = {}
        """By what follows the id, as ``/complete``; empty for the task itself."""
        for route in routes:
            if route.takes_task_id:
                prefix, _, action = route.path.partition("{taskId}")
                if prefix != _TASK_PREFIX:
                    raise ValueError(f"the id of {route.path} does not follow {_TASK_PREFIX}")
                self._of_task.setdefault(action, Resource()).add(route)
            else:
                self._fixed.setdefault(route.path, Resource()).add(route)
        methods = [each.routes for each in (*self._fixed.values(), *self._of_task.values())]
        self._every_method = ", ".join([*dict.fromkeys(name for one in methods for name in one), "OPTIONS"])

    def find(self, method: str, path: str) -> Target:
        """The target of a request; refuses unknown paths, methods and impossible ids."""
        resource = self._fixed.get(path)
        if resource is not None:
            return resource.target(method, path, "")
        if path.startswith(_TASK_PREFIX):
            task_id, slash, action = path[_PREFIX_LENGTH:].partition("/")
            resource = self._of_task.get(slash + action)
            if resource is not None and task_id:
                target = resource.target(method, path, task_id)
                return target if is_task_id(task_id) else target._replace(task_id=_decoded(task_id))
        return self._find_otherwise(method, path)

    def _find_otherwise(self, method: str, path: str) -> Target:
        if path.endswith("/") and len(path) > 1:
            bare = path[:-1]
            if not bare.endswith("/"):
                return self.find(method, bare)
        if not path.startswith("/"):
            return self._find_absolute(method, path)
        raise RouteNotFound(f"Nothing answers at {path[:200]}; the API is described at /docs.")

    def _find_absolute(self, method: str, path: str) -> Target:
        """``OPTIONS *``, or a whole URL, which a request line may hold too."""
        if path == "*" and method == "OPTIONS":
            return Target(None, "", self._every_method)
        scheme, mark, rest = path.partition("://")
        if mark and scheme.lower() in {"http", "https"}:
            return self.find(method, f"/{rest.partition('/')[2]}")
        raise RouteNotFound(f"Nothing answers at {path[:200]}; the API is described at /docs.")


def _decoded(escaped: str) -> str:
    """The id that was sent percent-encoded."""
    try:
        task_id = unquote_to_bytes(escaped.encode("latin-1")).decode()
    except UnicodeDecodeError:
        task_id = ""
    if task_id in RESERVED_TASK_IDS:
        raise InvalidRequest(f"`taskId` in the path is `{task_id}`, a word of the API; it names no task.")
    if not is_task_id(task_id):
        raise InvalidRequest(f"`taskId` in the path {TASK_ID_WORDS}.")
    return task_id
