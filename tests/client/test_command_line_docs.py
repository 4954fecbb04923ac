"""The page on the command line: its examples are run as they stand, and its tables are those of the code."""

import os
import re
import subprocess
from pathlib import Path

import click
import pytest

from tasktracker_cli.exits import MEANINGS, Exit
from tasktracker_cli.group import tasktracker

from .command_line import COMMAND, SECONDS, environ

PAGE = (Path(__file__).parents[2] / "docs" / "command-line.md").read_text()


def test_the_examples_work_as_they_stand(service_urls: list[str], tmp_path: Path) -> None:
    blocks = re.findall(r"^```sh\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    path = f"{Path(COMMAND).parent}{os.pathsep}{os.environ['PATH']}"

    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", "".join(blocks)],
        cwd=tmp_path,
        env=environ(TASK_TRACKER_URL=service_urls[0], PATH=path),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=2 * SECONDS,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    for said in ("dumping\ndone\n", '"lines":["dumping","done"]', '"message":"step 4"', '{"width":320}'):
        assert said in done.stdout
    assert '"message":"step 3"' not in done.stdout
    assert "movie-3\n" in done.stdout
    assert done.stdout.rstrip().splitlines()[-2] == "cancelled"


def test_every_command_and_every_exit_code_is_on_the_page() -> None:
    rows = re.findall(r"^\| `?(\w+)", PAGE, re.MULTILINE)

    assert set(tasktracker.list_commands(click.Context(tasktracker))) <= set(rows)
    assert {str(int(code)) for code in MEANINGS} <= set(rows)


@pytest.mark.parametrize("code", MEANINGS)
def test_what_an_exit_code_means_is_said_in_the_words_of_the_help(code: Exit) -> None:
    (said,) = re.findall(rf"^\| {int(code)} \| (.*) \|$", PAGE, re.MULTILINE)

    assert said.replace("`", "").startswith(MEANINGS[code])
