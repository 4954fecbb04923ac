"""Checkers see right use as right, and find every wrong use."""

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

pytest.importorskip("mypy", reason="the types environment has the checkers")
pytest.importorskip("pyright", reason="the types environment has the checkers")

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
MISUSE = sorted((HERE / "misuse").glob("*.py"))
SECONDS = 300

Check = Callable[[Path], dict[int, list[str]]]
"""Finds what is wrong in a file, by line."""


def by_mypy(file: Path) -> dict[int, list[str]]:
    command = [sys.executable, "-m", "mypy", "--strict", "--enable-error-code=redundant-expr"]
    command += ["--no-error-summary", "--hide-error-context", "--show-error-codes", "--no-pretty"]
    told = _run([*command, "--config-file=", str(file)])
    found: dict[int, list[str]] = {}
    name = re.escape(str(file.relative_to(ROOT)))
    for line, kind, message in re.findall(rf"^{name}:(\d+): (\w+): (.*)$", told, re.MULTILINE):
        if kind == "error":
            found.setdefault(int(line), []).append(message)
    assert found or "error" not in told, told
    return found


def by_pyright(file: Path) -> dict[int, list[str]]:
    told = _run([sys.executable, "-m", "pyright", "--outputjson", "--pythonpath", sys.executable, str(file)])
    found: dict[int, list[str]] = {}
    for one in json.loads(told)["generalDiagnostics"]:
        if one["severity"] == "error":
            found.setdefault(one["range"]["start"]["line"] + 1, []).append(one["message"])
    return found


def _run(command: list[str]) -> str:
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=SECONDS, check=False)
    assert done.returncode in (0, 1), done.stdout + done.stderr
    return done.stdout


def marked(file: Path) -> set[int]:
    return {at for at, line in enumerate(file.read_text().splitlines(), 1) if re.search(r"  # wrong: ", line)}


@pytest.fixture(params=[by_mypy, by_pyright], ids=["mypy", "pyright"])
def check(request: pytest.FixtureRequest) -> Check:
    chosen: Check = request.param
    return chosen


def test_right_use_has_the_types_that_are_written(check: Check) -> None:
    assert check(HERE / "use.py") == {}


@pytest.mark.parametrize("file", MISUSE, ids=lambda file: file.stem)
def test_wrong_use_is_an_error_where_it_is_and_nowhere_else(check: Check, file: Path) -> None:
    found = check(file)

    assert set(found) == marked(file), found
