"""The applications that pass progress on, and the page that shows it, in a real browser."""

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TypeAlias

import httpx
import pytest

from examples import browsers
from examples.browsers import browser
from examples.programs import Program, python
from services import Service, free_port, wait_for

SECONDS = 60.0
NEEDS_BROWSER = "the page runs in Chromium, which needs chromedriver"
App: TypeAlias = Callable[[int], AbstractContextManager[Program]]


@pytest.fixture(params=["tornado", "fastapi"])
def app(request: pytest.FixtureRequest, service: Service, tmp_path: Path) -> App:
    """Starts an application on a port."""

    @contextmanager
    def start(port: int) -> Iterator[Program]:
        command = {
            "tornado": ("tornado_app.py", str(port)),
            "fastapi": ("-m", "uvicorn", "fastapi_app:app", "--port", str(port)),
        }[request.param]
        with python(service.url, tmp_path, *command) as program:
            program.wait_for("listening on|Uvicorn running on")
            yield program

    return start


@pytest.fixture
def worker(service: Service, tmp_path: Path) -> Iterator[Program]:
    with python(service.url, tmp_path, "web_worker.py") as program:
        yield program
        assert program.stop() == 0, program.told


def streamed(url: str, last_id: int) -> list[tuple[str, object]]:
    """What comes of a task's events after a cut at this entry."""
    answer = httpx.get(url, headers={"Last-Event-ID": str(last_id)}, timeout=SECONDS)
    assert answer.headers["Content-Type"].startswith("text/event-stream")
    blocks = [
        dict(line.split(": ", 1) for line in block.split("\n"))
        for block in answer.text.split("\n\n")
        if block
    ]
    return [(block["event"], json.loads(block["data"])) for block in blocks]


@pytest.mark.usefixtures("worker")
def test_it_registers_and_passes_on_from_any_entry(app: App) -> None:
    port = free_port()
    url = f"http://127.0.0.1:{port}/tasks"
    with app(port):
        task_id = httpx.post(url).json()["taskId"]
        *entries, end = streamed(f"{url}/{task_id}/events", 40)
        assert httpx.get(f"{url}/not-there/events").status_code == 404

    assert entries == [("progress", {"percent": percent}) for percent in range(82, 101, 2)]
    assert end == ("end", {"status": "completed", "result": {"entries": 50}, "error": None})


@pytest.mark.usefixtures("worker")
@pytest.mark.skipif(not browsers.is_there(), reason=NEEDS_BROWSER)
def test_a_browser_shows_each_entry_once_though_the_application_is_restarted(app: App) -> None:
    port = free_port()
    with browser() as window:
        with app(port) as first:
            window.open(f"http://127.0.0.1:{port}/")
            window.click("#start")
            assert wait_for(lambda: len(window.texts("#entries li")) >= 10, SECONDS)
            first.kill()
        seen = len(window.texts("#entries li"))
        with app(port):
            assert wait_for(lambda: window.text("#status") == "completed", SECONDS)
            told = window.texts("#entries li")

    assert seen < 50, "it was cut in the middle"
    assert told == [str(number) for number in range(1, 51)]
