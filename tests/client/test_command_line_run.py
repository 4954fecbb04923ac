"""``tasktracker run``: a shell command as a task, against the real service."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import psutil  # type: ignore[import-untyped]
import pytest

from services import free_port, wait_for
from tasktracker_client import Task, TaskTracker

from .command_line import COMMAND, SECONDS, Shell, environ
from .proxy import Dropped, Proxy, Swallowed, always


@pytest.fixture
def shell(service_urls: list[str]) -> Shell:
    return Shell(service_urls[0])


@pytest.fixture
def api(service_urls: list[str]) -> Iterator[TaskTracker]:
    with TaskTracker(service_urls[0]) as client:
        yield client


@pytest.fixture
def task_id() -> str:
    return f"run-{uuid4().hex[:8]}"


def told(task: Task) -> list[tuple[str, str]]:
    """Its lines, each with its stream."""
    assert isinstance(task.progress_history, list)
    return [(entry["stream"], line) for entry in task.progress_history for line in entry["lines"]]


def is_running(api: TaskTracker, task_id: str, line: str) -> bool:
    """Wait until the command has said this."""
    page = api.progress_page(task_id, wait_seconds=30) if exists(api, task_id) else None
    return page is not None and any(line in entry.data.get("lines", ()) for entry in page.entries)


def exists(api: TaskTracker, task_id: str) -> bool:
    return any(row.id == task_id for row in api.tasks(original_task_id=task_id))


def wait_until_it_says(api: TaskTracker, task_id: str, line: str) -> None:
    assert wait_for(lambda: is_running(api, task_id, line), SECONDS)


def test_output_is_passed_on_and_told_as_progress(shell: Shell, api: TaskTracker, task_id: str) -> None:
    script = r"echo out; sleep 0.4; echo err >&2; sleep 0.4; printf 'bad \377 byte\nunfinished'"
    ran = shell.run("run", "cmd", "--id", task_id, "--metadata", '{"a": 1}', "--", "sh", "-c", script)

    task = api.get(task_id)
    assert (ran.code, ran.err) == (0, "err\n")
    assert told(task) == [
        ("stdout", "out"),
        ("stderr", "err"),
        ("stdout", "bad \N{REPLACEMENT CHARACTER} byte"),
        ("stdout", "unfinished"),
    ]
    assert (task.status, task.result, task.metadata) == ("completed", {"exitCode": 0}, {"a": 1})
    assert task.params is not None
    assert task.params["command"] == ["sh", "-c", script]


def test_bytes_are_passed_on_as_they_are(shell: Shell) -> None:
    with shell.started("run", "cmd", "--", "printf", r"\377\000\r\n") as running:
        assert running.communicate(timeout=SECONDS)[0] == b"\xff\0\r\n"


@pytest.mark.parametrize(
    ("script", "code", "sign"),
    [("exit 7", 7, None), ("kill -KILL $$", 137, "SIGKILL"), ("exit 3 # as a code of our own", 3, None)],
)
def test_another_end_fails_the_task(
    shell: Shell, api: TaskTracker, task_id: str, script: str, code: int, sign: str | None
) -> None:
    assert shell.run("run", "cmd", "--id", task_id, "--", "sh", "-c", script).code == code

    task = api.get(task_id)
    assert (task.status, task.new_task_id) == ("failed", None)
    assert {**task.error, "message": ""} == {
        "code": "exit_status",
        "exitCode": code,
        "signal": sign,
        "message": "",
    }


@pytest.mark.parametrize(("word", "code"), [("no-such-command", 127), ("/etc/passwd", 126)])
def test_what_cannot_be_run_fails_the_task(
    shell: Shell, api: TaskTracker, task_id: str, word: str, code: int
) -> None:
    ran = shell.run("run", "cmd", "--id", task_id, "--", word)

    assert (ran.code, ran.err.count("\n")) == (code, 1)
    assert api.get(task_id).error["code"] == "not_started"


def test_much_output_is_told_in_few_entries_and_whole(shell: Shell, api: TaskTracker, task_id: str) -> None:
    ran = shell.run("run", "cmd", "--id", task_id, "-q", "--", "seq", "200000")

    task = api.get(task_id)
    assert (ran.code, ran.out) == (0, "")
    assert [int(line) for _, line in told(task)] == list(range(1, 200_001))
    assert task.last_seq_id is not None
    assert task.last_seq_id < 1000


def test_a_line_of_a_megabyte_is_cut(shell: Shell, api: TaskTracker, task_id: str) -> None:
    script = "import sys; print('x' * 2**20); print('next')"
    ran = shell.run("run", "cmd", "--id", task_id, "--", sys.executable, "-c", script)

    (_, long), after = told(api.get(task_id))
    assert len(ran.out) == 2**20 + 6, "the terminal has all of it"
    assert after == ("stdout", "next")
    assert long.startswith("xxx")
    assert long.endswith("bytes more)")


def test_json_lines_are_entries_where_asked_for(shell: Shell, api: TaskTracker, task_id: str) -> None:
    shell.ok("run", "cmd", "--id", task_id, "--json-progress", "--", "echo", '{"percent": 30}')

    assert api.get(task_id).progress_history == [{"seqId": 1, "percent": 30}]


@pytest.mark.parametrize("obeys", [True, False])
def test_cancelling_ends_the_command_and_all_it_started(
    shell: Shell, api: TaskTracker, task_id: str, tmp_path: Path, obeys: bool
) -> None:
    pids = tmp_path / "pids"
    trap = "" if obeys else "trap '' TERM;"
    script = f"{trap} sleep 1000 & echo $! $$ > {pids}; echo started; while :; do sleep 1; done"
    words = ("run", "cmd", "--id", task_id, "--grace", "1", "--lease-seconds", "5", "--", "sh", "-c", script)
    with shell.started(*words) as running:
        wait_until_it_says(api, task_id, "started")
        api.cancel(task_id)
        err = running.communicate(timeout=SECONDS)[1].decode()

    assert running.returncode == (143 if obeys else 137)
    assert "the task was cancelled" in err
    task = api.get(task_id)
    assert (task.status, task.error["code"]) == ("failed", "cancelled")
    assert task.error["signal"] == ("SIGTERM" if obeys else "SIGKILL")
    assert wait_for(lambda: not any(map(is_alive, map(int, pids.read_text().split()))), SECONDS)


def is_alive(pid: int) -> bool:
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False


def test_what_a_command_says_while_it_ends_is_told_too(shell: Shell, api: TaskTracker, task_id: str) -> None:
    script = "trap 'echo cleaning up; exit 0' TERM; echo started; while :; do sleep 0.1; done"
    words = ("run", "cmd", "--id", task_id, "--lease-seconds", "5", "--", "sh", "-c", script)
    with shell.started(*words) as running:
        wait_until_it_says(api, task_id, "started")
        api.cancel(task_id)
        running.communicate(timeout=SECONDS)

    task = api.get(task_id)
    assert ("stdout", "cleaning up") in told(task)
    assert (running.returncode, task.status) == (0, "completed"), "it ended well after all"


def test_a_task_that_is_ended_by_others_ends_the_command(
    shell: Shell, api: TaskTracker, task_id: str
) -> None:
    words = ("run", "cmd", "--id", task_id, "--lease-seconds", "5", "--", "sh", "-c", "echo on; sleep 1000")
    with shell.started(*words) as running:
        wait_until_it_says(api, task_id, "on")
        api.time_out(task_id)
        err = running.communicate(timeout=SECONDS)[1].decode()

    assert running.returncode == 143
    assert "not ours any more" in err
    assert "not recorded" in err
    assert api.get(task_id).status == "timeout"


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM])
def test_signals_go_to_the_command(
    shell: Shell, api: TaskTracker, task_id: str, sign: signal.Signals
) -> None:
    script = "import time; print('on', flush=True); time.sleep(1000)"
    words = ("run", "cmd", "--id", task_id, "--", sys.executable, "-c", script)
    with shell.started(*words) as running:
        wait_until_it_says(api, task_id, "on")
        running.send_signal(sign)
        running.communicate(timeout=SECONDS)

    assert running.returncode == 128 + sign
    assert api.get(task_id).error["signal"] == sign.name


def test_heartbeats_keep_a_silent_command(shell: Shell, api: TaskTracker, task_id: str) -> None:
    ran = shell.run("run", "cmd", "--id", task_id, "--lease-seconds", "5", "--", "sleep", "8")

    task = api.get(task_id)
    assert (ran.code, task.status, task.attempt) == (0, "completed", 1)


def test_a_run_that_is_killed_fails_by_its_lease_and_is_not_claimed(
    shell: Shell, api: TaskTracker, task_id: str
) -> None:
    kind = f"cli.{task_id}"
    words = ("run", kind, "--id", task_id, "--lease-seconds", "5", "--", "sh", "-c", "echo on; sleep 1000")
    with shell.started(*words) as running:
        wait_until_it_says(api, task_id, "on")
        children = psutil.Process(running.pid).children()
        running.kill()
        running.wait(SECONDS)
        for child in children:
            os.killpg(child.pid, signal.SIGKILL)
    assert api.claim(kind, worker_id="w") is None

    assert wait_for(lambda: api.get(task_id).status == "failed", SECONDS)
    assert api.get(task_id).error["code"] == "lease_lost"


def test_a_reader_that_leaves_ends_the_command_as_a_pipe_would(
    shell: Shell, api: TaskTracker, task_id: str
) -> None:
    with shell.started("run", "cmd", "--id", task_id, "--", "yes") as running:
        assert running.stdout is not None
        running.stdout.read(10)
        running.stdout.close()
        assert running.wait(SECONDS) == 128 + signal.SIGPIPE
        running.stdout = None
    assert api.get(task_id).error["signal"] == "SIGPIPE"


def test_what_a_command_leaves_behind_does_not_keep_it(shell: Shell, api: TaskTracker, task_id: str) -> None:
    ran = shell.run("run", "cmd", "--id", task_id, "--", "sh", "-c", "sleep 30 & echo done")

    assert (ran.code, ran.out) == (0, "done\n")
    assert api.get(task_id).status == "completed"


def test_stdin_goes_to_the_command(shell: Shell, task_id: str) -> None:
    assert shell.ok("run", "cmd", "--id", task_id, "--", "cat", stdin="some text") == "some text"


def test_without_a_task_the_command_is_not_run_unless_asked_for(
    shell: Shell, api: TaskTracker, task_id: str
) -> None:
    nowhere = Shell(f"http://127.0.0.1:{free_port()}")
    api.register("cmd", task_id=task_id)
    exists, away = shell.run("run", "cmd", "--id", task_id, "--run-anyway", "--", "echo", "hi"), nowhere
    away_ran = away.run("run", "cmd", "--", "echo", "hi")
    anyway = away.run("run", "cmd", "--run-anyway", "--", "sh", "-c", "echo hi; exit 9")

    assert (exists.code, exists.out, "task_exists" in exists.err) == (125, "", True)
    assert (away_ran.code, away_ran.out) == (125, "")
    assert (anyway.code, anyway.out) == (9, "hi\n")


def test_a_ctrl_c_before_the_command_is_begun_leaves_no_task_to_others(
    api: TaskTracker, shell: Shell, task_id: str
) -> None:
    with (
        Proxy(shell.url, always(Swallowed(), "/start")) as proxy,
        Shell(proxy.url).started("run", "cmd", "--id", task_id, "--", "true") as running,
    ):
        proxy.wait_for_request("/start")
        running.send_signal(signal.SIGINT)
        assert running.wait(SECONDS) == 130
    ended = api.get(task_id)
    assert (ended.status, ended.error["code"]) == ("failed", "cancelled")


def test_a_registration_without_an_answer_leaves_no_task_to_others(
    api: TaskTracker, shell: Shell, task_id: str
) -> None:
    lost = {"POST": Dropped()}
    with Proxy(
        shell.url, lambda method, path: lost.get(method) if path.endswith("/tasks") else None
    ) as proxy:
        ran = Shell(proxy.url).run("run", "cmd", "--id", task_id, "--", "true")

    assert ran.code == 125
    assert api.get(task_id).error["code"] == "cancelled"


def test_a_task_of_somebody_else_is_left_alone(api: TaskTracker, shell: Shell, task_id: str) -> None:
    api.register("cmd", task_id=task_id)
    ran = shell.run("run", "cmd", "--id", task_id, "--", "true")

    assert (ran.code, api.get(task_id).status) == (125, "pending")


def test_a_ctrl_c_is_not_kept_waiting_by_a_service_that_says_nothing(task_id: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        nowhere = Shell(f"http://127.0.0.1:{silent.getsockname()[1]}")
        with nowhere.started("run", "cmd", "--id", task_id, "--", "true") as running:
            silent.accept()[0].close()
            assert not wait_for(lambda: running.poll() is not None, 0.5)
            running.send_signal(signal.SIGINT)
            began = time.monotonic()
            assert running.wait(SECONDS) == 130
    assert time.monotonic() - began < 6.0


def test_a_command_runs_where_our_output_is_closed(
    api: TaskTracker, shell: Shell, task_id: str, tmp_path: Path
) -> None:
    ran = tmp_path / "ran"
    done = subprocess.run(
        ["sh", "-c", f'exec "$0" run cmd --id {task_id} -- sh -c "echo hi; touch {ran}" >&- 2>&-', COMMAND],
        env=environ(TASK_TRACKER_URL=shell.url), timeout=SECONDS, check=False,
    )  # fmt: skip

    assert (done.returncode, ran.exists()) == (0, True)
    assert api.get(task_id).status == "completed"


def test_a_directory_that_is_gone_is_no_hindrance(
    api: TaskTracker, shell: Shell, task_id: str, tmp_path: Path
) -> None:
    left = f'cd "{tmp_path}" && mkdir gone && cd gone && rmdir ../gone'
    script = f'{left} && exec "$0" run cmd --id {task_id} -- true'
    done = subprocess.run(
        ["sh", "-c", script, COMMAND], env=environ(TASK_TRACKER_URL=shell.url), capture_output=True,
        text=True, timeout=SECONDS, check=False,
    )  # fmt: skip

    assert (done.returncode, done.stderr) == (0, "")
    assert (api.get(task_id).params or {})["directory"] == "(removed)"
