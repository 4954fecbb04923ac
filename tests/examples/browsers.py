"""A real browser: Chromium without a window, asked by the WebDriver protocol."""

import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from services import wait_for

SECONDS = 60.0
_ARGUMENTS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def is_there() -> bool:
    return shutil.which("chromedriver") is not None


class Browser:
    """One window."""

    def __init__(self, http: httpx.Client, session: str) -> None:
        self._http = http
        self._session = session

    def open(self, url: str) -> None:
        self._ask("url", {"url": url})

    def click(self, selector: str) -> None:
        self.run("document.querySelector(arguments[0]).click()", selector)

    def run(self, script: str, *arguments: Any) -> Any:
        return self._ask("execute/sync", {"script": script, "args": list(arguments)})

    def text(self, selector: str) -> str:
        return str(self.run("return document.querySelector(arguments[0]).textContent", selector))

    def texts(self, selector: str) -> list[str]:
        script = "return [...document.querySelectorAll(arguments[0])].map((found) => found.textContent)"
        return list(self.run(script, selector))

    def close(self) -> None:
        self._http.delete(f"/session/{self._session}")

    def _ask(self, what: str, body: dict[str, Any]) -> Any:
        answer = self._http.post(f"/session/{self._session}/{what}", json=body).json()["value"]
        assert not (isinstance(answer, dict) and "error" in answer), answer
        return answer


@contextmanager
def browser() -> Iterator[Browser]:
    with tempfile.TemporaryDirectory(prefix="browser-") as folder, _driver(Path(folder)) as url:
        options = {"args": [*_ARGUMENTS, f"--user-data-dir={folder}/profile"]}
        wanted = {"capabilities": {"alwaysMatch": {"browserName": "chrome", "goog:chromeOptions": options}}}
        with httpx.Client(base_url=url, timeout=SECONDS) as http:
            made = http.post("/session", json=wanted).json()["value"]
            assert "sessionId" in made, made
            window = Browser(http, made["sessionId"])
            try:
                yield window
            finally:
                window.close()


@contextmanager
def _driver(folder: Path) -> Iterator[str]:
    log = folder / "driver.log"
    with log.open("wb") as output:
        process = subprocess.Popen(["chromedriver", "--port=0"], stdout=output, stderr=output)
    try:
        started = re.compile(r"started successfully on port (\d+)")
        assert wait_for(lambda: bool(started.search(log.read_text())), SECONDS), log.read_text()
        found = started.search(log.read_text())
        assert found is not None
        yield f"http://127.0.0.1:{found[1]}"
    finally:
        process.terminate()
        process.wait(SECONDS)
