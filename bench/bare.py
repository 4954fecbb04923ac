"""The yardstick: a Tornado handler that answers JSON and does nothing else, on uvloop, in one process."""

import asyncio
import sys

import uvloop
from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from tornado.web import Application, RequestHandler


class Bare(RequestHandler):
    """Answers every GET alike."""

    def get(self) -> None:
        self.write({"ok": True})


async def serve() -> None:
    application = Application([("/bare", Bare)], log_function=lambda _handler: None)
    [socket] = bind_sockets(0, "127.0.0.1")
    HTTPServer(application).add_sockets([socket])
    print(f"listening on http://127.0.0.1:{socket.getsockname()[1]}", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    sys.exit(uvloop.run(serve()))
