"""The command line: every command explains itself, and wrong settings are told before anything starts."""

import json
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from tasktracker_schema import __version__
from tasktracker_server.cli import main
from tasktracker_server.settings import SETTINGS

assert isinstance(main, click.Group)
COMMANDS = main.list_commands(click.Context(main))
WITH_SETTINGS = ["serve", "dev", "migrate", "doctor"]


def run(*words: str, **environ: str) -> Result:
    return CliRunner().invoke(main, words, env=environ, prog_name="tasktracker-server")


def test_help_lists_every_command_with_a_sentence() -> None:
    told = run("--help").stdout

    for command in COMMANDS:
        (line,) = [line for line in told.splitlines() if line.startswith(f"  {command} ")]
        assert line.endswith(".")
    assert "serve-child" not in told


@pytest.mark.parametrize("flag", ["-h", "--help"])
@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_says_what_it_does_and_what_each_flag_means(command: str, flag: str) -> None:
    result = run(command, flag)

    assert result.exit_code == 0
    found = main.get_command(click.Context(main), command)
    assert found is not None
    assert found.help
    assert found.help.split("\n")[0].endswith((".", ":", ","))
    for param in found.params:
        if isinstance(param, click.Option):
            assert param.help, f"{command} {param.opts[0]}"


@pytest.mark.parametrize("command", WITH_SETTINGS)
def test_every_setting_is_a_flag_that_tells_its_variable_and_default(command: str) -> None:
    told = " ".join(run(command, "--help").stdout.split())

    for setting in SETTINGS:
        assert setting.flag in told
        assert f"[{setting.env}; default: {setting.default}]" in told


def test_help_and_version_load_no_driver() -> None:
    code = (
        "import sys; from tasktracker_server.cli import main; main(['--help'], standalone_mode=False); "
        "print([name for name in ('psycopg', 'redis', 'tornado', 'uvloop') if name in sys.modules])"
    )

    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout

    assert told.splitlines()[-1] == "[]"


def test_the_version_is_the_schemas() -> None:
    assert run("--version").stdout == f"tasktracker-server, version {__version__}\n"


@pytest.mark.parametrize("command", ["serve", "dev", "migrate"])
def test_wrong_settings_end_a_command_before_it_starts_with_all_of_them_told(command: str) -> None:
    result = run(command, "--port", "seventy", TASK_TRACKER_PROCESES="2", TASK_TRACKER_BODY_LIMIT="1")

    assert result.exit_code == 2
    assert "TASK_TRACKER_PROCESES is not a setting; did you mean TASK_TRACKER_PROCESSES?" in result.stderr
    assert "--port is 'seventy'" in result.stderr
    assert "TASK_TRACKER_BODY_LIMIT is '1'" in result.stderr


def test_the_doctor_tells_wrong_settings_as_findings_and_fails() -> None:
    result = run("doctor", "--port", "seventy", "--log-level", "loud")

    assert result.exit_code == 1
    assert result.stdout.count("FAIL  settings") == 2


def test_the_openapi_document_is_printed_or_written(tmp_path: Path) -> None:
    printed = run("openapi").stdout
    written = tmp_path / "openapi.json"

    assert run("openapi", "--output", str(written)).exit_code == 0
    assert json.loads(written.read_text()) == json.loads(printed)
    assert json.loads(printed)["openapi"].startswith("3.1")


@pytest.mark.parametrize("words", [["serf"], ["serve", "--prot", "1"], ["demo", "/does/not/exist"]])
def test_what_is_misspelt_is_refused(words: list[str]) -> None:
    result = run(*words)

    assert result.exit_code == 2
    assert "Error" in result.stderr
