"""The same application in FastAPI: ``pip install fastapi uvicorn``, ``uvicorn fastapi_app:app``."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated

from fastapi import FastAPI, Header, HTTPException
from fastapi.responses import FileResponse, StreamingResponse

from tasktracker_client import AsyncTaskTracker, Progress, StatusChange, TaskNotFound, TrackEvent

PAGE = Path(__file__).with_name("browser.html")


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[dict[str, AsyncTaskTracker]]:
    async with AsyncTaskTracker() as tracker:
        app.state.tracker = tracker
        yield {}


app = FastAPI(lifespan=lifespan)


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


@app.get("/")
async def page() -> FileResponse:
    return FileResponse(PAGE)


@app.post("/tasks")
async def register() -> dict[str, str]:
    task = await app.state.tracker.register("example.web")
    return {"taskId": task.task_id}


@app.get("/tasks/{task_id}/events")
async def events(task_id: str, last_event_id: Annotated[int, Header()] = 0) -> StreamingResponse:
    try:
        await app.state.tracker.get(task_id, progress=False)
    except TaskNotFound as error:
        raise HTTPException(404) from error

    async def stream() -> AsyncIterator[str]:
        # Left when the browser leaves, which frees the connection to the service.
        async with app.state.tracker.track(task_id, after_seq_id=last_event_id) as events:
            async for event in events:
                yield sse(event)

    headers = {"Cache-Control": "no-store"}
    return StreamingResponse(stream(), media_type="text/event-stream", headers=headers)
