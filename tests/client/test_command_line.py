"""The command line, run as people and scripts run it, against the real service."""

import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from services import free_port
from tasktracker_client import TaskTracker

from .command_line import COMMAND, SECONDS, Shell, environ

COMMANDS = (
    "register",
    "list",
    "get",
    "track",
    "wait",
    "retry",
    "cancel",
    "stats",
    "run",
    "worker",
    "completion",
)


@pytest.fixture
def shell(service_urls: list[str]) -> Shell:
    return Shell(service_urls[0])


@pytest.fixture
def api(service_urls: list[str]) -> Iterator[TaskTracker]:
    with TaskTracker(service_urls[0]) as client:
        yield client


@pytest.fixture
def kind() -> str:
    """A task type of this test's own."""
    return f"cli.{uuid4().hex[:8]}"


def started(api: TaskTracker, kind: str, max_retries: int = 0) -> str:
    """A task under way."""
    task = api.register(kind, max_retries=max_retries)
    api.start(task)
    return task.task_id


def test_register_prints_an_id_that_other_commands_take(shell: Shell, kind: str) -> None:
    task_id = shell.ok("register", kind, "--params", '{"src": "a.mov"}', "--priority", "3", "--run-at", "1h")

    (task,) = shell.run("get", task_id, "--no-progress").lines
    assert (task["taskType"], task["params"], task["priority"]) == (kind, {"src": "a.mov"}, 3)
    assert task["runAt"] > task["createdAt"]
    assert shell.run("list", "--type", kind).lines[0]["id"] == task_id


def test_json_comes_as_text_from_a_file_and_from_stdin(shell: Shell, kind: str, tmp_path: Path) -> None:
    (tmp_path / "params.json").write_text('{"from": "file"}')
    words = ("--params", f"@{tmp_path / 'params.json'}", "--metadata", "-", "--id", f"{kind}-1", "--json")
    (registered,) = shell.run("register", kind, *words, stdin='{"from": "stdin"}').lines

    (task,) = shell.run("get", registered["taskId"]).lines
    assert task["id"] == f"{kind}-1"
    assert (task["params"], task["metadata"]) == ({"from": "file"}, {"from": "stdin"})


@pytest.mark.parametrize("params", ["{", "[1]", "@/does/not/exist", '"x"'])
def test_what_is_no_json_object_is_refused_before_anything_is_sent(shell: Shell, params: str) -> None:
    ran = Shell("http://127.0.0.1:1").run("register", "x", "--params", params)

    assert ran.code == 2
    assert "--params" in ran.err


def test_get_goes_on_after_a_task_that_is_not_there(shell: Shell, kind: str) -> None:
    task_id = shell.ok("register", kind)
    ran = shell.run("get", "no-such-task", task_id)

    assert ran.code == 5
    assert [task["id"] for task in ran.lines] == [task_id]
    assert ran.err.startswith("tasktracker: no-such-task: task_not_found: ")
    assert ran.err.count("\n") == 1


def test_the_list_is_limited_and_filtered(shell: Shell, kind: str) -> None:
    ids = [shell.ok("register", kind) for _ in range(3)]
    shell.ok("cancel", ids[0], "--reason", "not wanted")

    assert [row["id"] for row in shell.run("list", "--type", kind, "--limit", "2").lines] == ids[:0:-1]
    failed = shell.run("list", "--type", kind, "--status", "failed", "--limit", "0", "--full").lines
    assert [(row["id"], row["error"]["message"]) for row in failed] == [(ids[0], "not wanted")]
    assert shell.run("list", "--type", kind, "--created-before", "1h").lines == []


def test_the_list_is_a_table_on_a_terminal(shell: Shell, api: TaskTracker, kind: str) -> None:
    task_id = started(api, kind)
    api.progress(task_id, {"percent": 42, "message": "half\x1b[31m way"})
    with shell.terminal("list", "--type", kind, NO_COLOR="1") as terminal:
        assert terminal.end() == 0

    assert f" {task_id}  {kind}  in_progress  42 % half\N{REPLACEMENT CHARACTER}[31m way" in terminal.shown
    assert "\x1b[3" not in terminal.raw, "NO_COLOR is heard, and the message steers nothing"


def test_track_tells_every_event_as_a_line_and_exits_by_the_outcome(
    shell: Shell, api: TaskTracker, kind: str
) -> None:
    task_id = started(api, kind)
    api.progress(task_id, [{"percent": 1}, {"percent": 2}])
    with shell.started("track", task_id) as tracking:
        assert tracking.stdout is not None
        first = json.loads(tracking.stdout.readline())
        api.progress(task_id, {"percent": 3})
        api.complete(task_id, {"url": "u"})
        rest = [json.loads(line) for line in tracking.stdout]
        assert tracking.wait(SECONDS) == 0

    assert [event["data"].get("seqId") for event in [first, *rest]] == [1, 2, 3, None]
    assert rest[-1]["event"] == "status_change"
    assert rest[-1]["data"] == {"status": "completed", "result": {"url": "u"}}
    assert {event["taskId"] for event in rest} == {task_id}


def test_track_follows_automatic_retries(shell: Shell, api: TaskTracker, kind: str) -> None:
    task_id = started(api, kind, max_retries=1)
    new_id = api.fail(task_id, {"message": "at first"}).new_task_id
    assert new_id is not None
    api.start(new_id)
    api.complete(new_id, "in the end")

    both = shell.run("track", task_id)
    assert (both.code, [line["taskId"] for line in both.lines]) == (0, [task_id, new_id])
    assert shell.run("track", task_id, "--this-only").code == 1
    waited = shell.run("wait", task_id)
    assert (waited.code, waited.lines) == (0, ["in the end"])


@pytest.mark.parametrize("command", ["track", "wait"])
def test_exit_codes_tell_how_a_task_ended(shell: Shell, api: TaskTracker, kind: str, command: str) -> None:
    failed, timed_out, cancelled, going = (started(api, kind) for _ in range(4))
    api.fail(failed, {"message": "no space"})
    api.time_out(timed_out)
    cancelled = api.register(kind).task_id
    api.cancel(cancelled)

    ran = [shell.run(command, task_id, "--timeout", "1") for task_id in (failed, timed_out, cancelled, going)]

    assert [each.code for each in ran] == [1, 3, 4, 124]
    if command == "wait":
        assert ran[0].err == f"tasktracker: task {failed} failed: no space\n"
        assert [each.out for each in ran] == ["", "", "", ""]


def test_the_bar_shows_percent_and_message_live(shell: Shell, api: TaskTracker, kind: str) -> None:
    task_id = started(api, kind)
    api.progress(task_id, {"done": 1, "total": 4, "message": "first [bold]quarter"})
    with shell.terminal("track", task_id, NO_COLOR="1") as terminal:
        terminal.read_until("25 %")
        terminal.read_until("first [bold]quarter")
        api.progress(task_id, {"percent": 66.6, "frame": 7})
        terminal.read_until("67 %")
        terminal.read_until("frame=7")
        api.progress(task_id, {"stream": "stdout", "lines": ["a line", "of output"]})
        terminal.read_until("of output\r\n")
        api.complete(task_id, {"url": "u"})
        assert terminal.end() == 0

    assert 'completed: {"url":"u"}' in terminal.shown
    assert "in progress" in terminal.shown
    assert "\x1b[3" not in terminal.raw, "NO_COLOR is heard"
    assert terminal.raw.rfind("\x1b[?25h") > terminal.raw.rfind("\x1b[?25l"), "the cursor is there again"


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_following_and_leaves_task_and_terminal_alone(
    shell: Shell, api: TaskTracker, kind: str, sign: signal.Signals
) -> None:
    task_id = started(api, kind)
    with shell.terminal("track", task_id) as terminal:
        terminal.read_until("in progress")
        terminal.process.send_signal(sign)
        assert terminal.end() == 128 + sign

    assert terminal.raw.rfind("\x1b[?25h") > terminal.raw.rfind("\x1b[?25l")
    assert "Traceback" not in terminal.shown
    assert api.get(task_id).status == "in_progress"


def test_register_goes_on_to_track_or_wait(shell: Shell, api: TaskTracker, kind: str) -> None:
    with shell.started("register", kind, "--id", f"{kind}-t", "--wait") as waiting:
        task = api.claim(kind, worker_id="w", wait_seconds=30)
        assert task is not None
        api.complete(task, [1])
        out, err = waiting.communicate(timeout=SECONDS)

    assert (waiting.returncode, out, err) == (0, b"[1]\n", f"{kind}-t\n".encode())
    ran = shell.run("register", kind, "--id", f"{kind}-t", "--track")
    assert ran.code == 5
    assert "task_exists" in ran.err


def test_retry_and_cancel(shell: Shell, api: TaskTracker, kind: str) -> None:
    pending, going = api.register(kind).task_id, started(api, kind)

    assert shell.ok("cancel", pending, going) == f"{pending}: cancelled\n{going}: its worker will be told"
    new_id = shell.ok("retry", pending)
    assert api.get(new_id).original_task_id == pending
    ran = shell.run("retry", pending)
    assert (ran.code, "already_retried" in ran.err) == (5, True)
    assert [row["id"] for row in shell.run("list", "--chain", pending).lines] == [new_id, pending]


def test_stats_are_figures_by_type(shell: Shell, kind: str) -> None:
    shell.ok("register", kind)

    (stats,) = shell.run("stats").lines
    assert kind in [each["taskType"] for each in stats["types"]]
    with shell.terminal("stats") as terminal:
        assert terminal.end() == 0
    assert kind in terminal.shown


def test_a_service_that_is_not_there_is_one_line_and_a_code_of_its_own() -> None:
    nowhere = f"http://127.0.0.1:{free_port()}"
    ran = Shell("http://127.0.0.1:2").run("list", "--url", nowhere)

    assert ran.code == 6
    assert ran.err.startswith(f"tasktracker: {nowhere}: ")
    assert ran.err.count("\n") == 1


@pytest.mark.parametrize(
    "words",
    [["--url", "ftp://x", "list"], ["get", "claim"], ["get"], ["tack"], ["track", "x", "--timeout", "soon"]],
)
def test_a_wrong_command_line_is_told_with_code_2(words: list[str]) -> None:
    ran = Shell("http://127.0.0.1:1").run(*words)

    assert ran.code == 2
    assert "Error: " in ran.err


def test_wait_keeps_its_time_with_a_service_that_says_nothing() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        began = time.monotonic()
        ran = Shell(f"http://127.0.0.1:{silent.getsockname()[1]}").run("wait", "x", "--timeout", "2")

    assert ran.code == 124
    assert time.monotonic() - began < 8.0


def test_output_that_can_not_be_written_is_one_line_and_a_code_of_its_own(shell: Shell) -> None:
    with open("/dev/full", "w") as full:
        ran = subprocess.run(
            [COMMAND, "stats"], env=environ(TASK_TRACKER_URL=shell.url), stdout=full,
            stderr=subprocess.PIPE, text=True, timeout=SECONDS, check=False,
        )  # fmt: skip

    assert ran.returncode == 7
    assert ran.stderr == "tasktracker: the output can't be written: No space left on device\n"


def test_a_closed_output_is_told(shell: Shell) -> None:
    ran = subprocess.run(
        ["sh", "-c", 'exec "$0" stats >&-', COMMAND], env=environ(TASK_TRACKER_URL=shell.url),
        stderr=subprocess.PIPE, text=True, timeout=SECONDS, check=False,
    )  # fmt: skip

    assert ran.returncode == 7
    assert ran.stderr == "tasktracker: the output can't be written: Bad file descriptor\n"


def test_a_password_is_not_shown() -> None:
    for url, code, told in (
        ("http://me:secret@127.0.0.1:1", 6, "127.0.0.1:1"),
        ("http://me:s/secret@127.0.0.1:1", 2, "not shown"),
        ("me:secret@127.0.0.1:1", 2, "not shown"),
    ):
        ran = Shell(url).run("stats")
        assert (ran.code, told in ran.err, "secret" in ran.err) == (code, True, False), ran


@pytest.mark.parametrize("words", [["completion", "bash"], ["get", "--help"]])
def test_a_full_disk_is_told_by_every_command(words: list[str]) -> None:
    with open("/dev/full", "w") as full:
        ran = subprocess.run(
            [COMMAND, *words], env=environ(), stdout=full, stderr=subprocess.PIPE, text=True,
            timeout=SECONDS, check=False,
        )  # fmt: skip

    assert (ran.returncode, ran.stderr.count("\n")) == (7, 1), ran.stderr


def test_a_reader_that_leaves_ends_it_quietly(shell: Shell, api: TaskTracker, kind: str) -> None:
    task_id = started(api, kind)
    api.progress(task_id, [{"text": "x" * 1000}] * 500)
    api.complete(task_id)
    with shell.started("track", task_id) as tracking:
        assert tracking.stdout is not None
        tracking.stdout.read(10)
        tracking.stdout.close()
        assert tracking.wait(SECONDS) == 141
        assert tracking.stderr is not None
        assert tracking.stderr.read() == b""
        tracking.stdout = None


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_an_example(command: str) -> None:
    told = Shell("http://127.0.0.1:1").ok(command, "--help")

    assert "Example" in told
    assert f"tasktracker {command} " in told or command == "stats"


def test_help_lists_every_command_and_the_exit_codes() -> None:
    told = Shell("http://127.0.0.1:1").ok("--help")

    assert all(f"\n  {command} " in told for command in COMMANDS)
    assert "124  --timeout is over" in told


@pytest.mark.parametrize("shell_name", ["bash", "zsh", "fish"])
def test_completion_completes(shell_name: str) -> None:
    script = Shell("http://127.0.0.1:1").ok("completion", shell_name)
    assert f"_TASKTRACKER_COMPLETE={shell_name}_complete" in script

    words = environ(_TASKTRACKER_COMPLETE="bash_complete", COMP_WORDS="tasktracker tr", COMP_CWORD="1")
    told = subprocess.run([COMMAND], env=words, capture_output=True, text=True, timeout=SECONDS, check=True)
    assert told.stdout == "plain,track\n"


@pytest.mark.parametrize("words", [["--help"], ["track", "--help"], ["completion", "bash"], ["--version"]])
def test_what_needs_no_service_loads_no_http(words: list[str]) -> None:
    code = (
        "import sys; from tasktracker_cli.group import tasktracker; "
        f"tasktracker({words!r}, standalone_mode=False); "
        "print([name for name in ('httpx', 'rich', 'asyncio') if name in sys.modules])"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout

    assert told.splitlines()[-1] == "[]"
