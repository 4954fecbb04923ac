"""What all exchanges of a server share."""

import asyncio
from collections.abc import Mapping
from typing import Protocol

from tasktracker_schema import limits
from tasktracker_schema.routes import ROUTES, Route
from tasktracker_server.http.endpoints import ENDPOINTS, Endpoint
from tasktracker_server.http.holding import BodyRoom
from tasktracker_server.http.options import HttpOptions
from tasktracker_server.http.ports import Service
from tasktracker_server.http.routing import Router
from tasktracker_server.http.turns import Turns


class Answering(Protocol):
    """An exchange whose answer is under way."""

    def end_stream(self) -> None:
        """End it, if it is a stream."""
        ...

    def abandon(self) -> asyncio.Task[None] | None:
        """Give it up; what is returned then ends soon."""
        ...


class Front:
    """Routes, endpoints, bounds, and what is under way."""

    def __init__(
        self, service: Service, options: HttpOptions, endpoints: Mapping[str, Endpoint] = ENDPOINTS
    ) -> None:
        self.service = service
        self.options = options
        self.loop = asyncio.get_running_loop()
        self.router = Router(ROUTES)
        self.endpoints = {route.name: endpoints[route.name] for route in ROUTES}
        self.turns = Turns()
        self.room = BodyRoom(options.bodies_limit)
        self.draining = False
        """Whether answers tell their caller to connect elsewhere next time."""
        self.running: set[Answering] = set()
        self._body_limits = {route.name: _body_limit(route, options) for route in ROUTES}

    def body_limit(self, route: Route | None) -> int:
        """The bytes that a body of this call may have."""
        return self.options.body_limit if route is None else self._body_limits[route.name]


def _body_limit(route: Route, options: HttpOptions) -> int:
    takes_arrays = route.body_limit > limits.BODY_BYTES
    return options.array_body_limit if takes_arrays else options.body_limit
