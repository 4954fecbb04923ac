"""A Tornado application that starts tasks and passes their progress on to browsers.

``python tornado_app.py`` (or with a port of your own), with ``python web_worker.py`` beside it, then
open http://127.0.0.1:8000. The browser talks to your application only, which may ask who is there first.
"""

import asyncio
import json
import sys
from pathlib import Path

import tornado.web

from tasktracker_client import AsyncTaskTracker, Progress, StatusChange, TaskNotFound, TrackEvent

PAGE = Path(__file__).with_name("browser.html")


def sse(event: TrackEvent) -> str:
    """The event for an ``EventSource``; its id comes back as ``Last-Event-ID`` after a cut."""
    match event:
        case Progress(seq_id=number, data=data):
            return f"id: {number}\nevent: progress\ndata: {json.dumps(data)}\n\n"
        case StatusChange(status=status, result=result, error=error):
            end = json.dumps({"status": status, "result": result, "error": error})
            return f"event: end\ndata: {end}\n\n"
        case _:
            return ""


class Page(tornado.web.RequestHandler):
    def get(self) -> None:
        self.write(PAGE.read_bytes())


class Tasks(tornado.web.RequestHandler):
    def initialize(self, tracker: AsyncTaskTracker) -> None:
        self.tracker = tracker

    async def post(self) -> None:
        task = await self.tracker.register("example.web")
        self.write({"taskId": task.task_id})


class Events(tornado.web.RequestHandler):
    following: "asyncio.Task[None] | None" = None

    def initialize(self, tracker: AsyncTaskTracker) -> None:
        self.tracker = tracker

    async def get(self, task_id: str) -> None:
        self.set_header("Content-Type", "text/event-stream")
        self.set_header("Cache-Control", "no-store")
        self.following = asyncio.create_task(self.follow(task_id))
        await asyncio.wait([self.following])
        if not self.following.cancelled() and isinstance(self.following.exception(), TaskNotFound):
            raise tornado.web.HTTPError(404)

    async def follow(self, task_id: str) -> None:
        after = int(self.request.headers.get("Last-Event-ID") or 0)
        async with self.tracker.track(task_id, after_seq_id=after) as events:
            async for event in events:
                self.write(sse(event))
                await self.flush()  # waits for a slow reader

    def on_connection_close(self) -> None:
        if self.following is not None:
            self.following.cancel()


async def main(port: int) -> None:
    async with AsyncTaskTracker() as tracker:
        given = {"tracker": tracker}
        app = tornado.web.Application(
            [(r"/", Page), (r"/tasks", Tasks, given), (r"/tasks/([^/]+)/events", Events, given)]
        )
        app.listen(port, "127.0.0.1")
        print(f"listening on http://127.0.0.1:{port}", flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 8000))
