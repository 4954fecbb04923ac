"""The demo when all goes well, when it is stopped, and when what it watches is not as it should be."""

from __future__ import annotations

import copy
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import psutil  # type: ignore[import-untyped]
import pytest

from tasktracker_client import Gap
from tasktracker_server.demo import verify
from tasktracker_server.demo.files import ChosenFile, choose_files, sha256_of
from tasktracker_server.demo.follow import Track
from tasktracker_server.demo.work import FileWork, PlannedFailureError

Json = dict[str, Any]
DEADLINE = 90


# The command itself


@pytest.fixture
def temporary() -> Iterator[Path]:
    """A folder for temporary files of one demo; another user's stores can pass through it."""
    folder = Path(tempfile.mkdtemp(prefix="demo-test-", dir="/tmp"))
    folder.chmod(0o711)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


def start_demo(temporary: Path, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "tasktracker_server", "demo", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=os.environ | {"TMPDIR": str(temporary), "PYTHONUNBUFFERED": "1"},
        start_new_session=True,
    )


def read_until(process: subprocess.Popen[str], pattern: str) -> str:
    assert process.stdout is not None
    seen = ""
    for line in process.stdout:
        seen += line
        if re.search(pattern, line):
            return seen
    raise AssertionError(f"no {pattern!r} in:\n{seen}")


def left_of(temporary: Path, url: str) -> list[str]:
    """Processes that still know the demo's folder or its service."""
    found = []
    for process in psutil.process_iter(["cmdline", "status"]):
        words = " ".join(process.info["cmdline"] or [])
        if (str(temporary) in words or url in words) and process.info["status"] != psutil.STATUS_ZOMBIE:
            found.append(words)
    return found


def url_in(output: str) -> str:
    found = re.search(r"http://[\d.]+:\d+", output)
    assert found is not None, output
    return found[0]


@pytest.mark.slow
def test_it_works_on_real_files_and_checks_them(temporary: Path) -> None:
    process = start_demo(temporary, "--limit", "5", "--workers", "2")
    output, _ = process.communicate(timeout=DEADLINE)
    assert process.returncode == 0, output
    assert "failed as planned" in output
    assert "6 tasks (1 retried)" in output
    assert "Checked: each history is numbered 1 to n" in output
    assert left_of(temporary, url_in(output)) == []
    assert list(temporary.iterdir()) == []


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("moment", ["and Redis are up", "workers are starting", "as planned"])
def test_stopped_at_any_moment_it_leaves_nothing(
    temporary: Path, moment: str, number: signal.Signals
) -> None:
    process = start_demo(temporary)
    before = read_until(process, moment)
    process.send_signal(number)
    rest, _ = process.communicate(timeout=DEADLINE)
    assert process.returncode == 130, before + rest
    assert "Traceback" not in rest
    assert left_of(temporary, str(temporary)) == []
    assert list(temporary.iterdir()) == []


@pytest.mark.slow
def test_kept_it_answers_until_it_is_stopped(temporary: Path) -> None:
    process = start_demo(temporary, "--keep", "--limit", "2")
    output = read_until(process, r"curl -s \S+")
    found = re.search(r"curl -s (\S+)", output)
    assert found is not None
    task = httpx.get(found[1], trust_env=False).json()
    assert task["status"] == "completed"
    process.send_signal(signal.SIGINT)
    rest, _ = process.communicate(timeout=DEADLINE)
    assert process.returncode == 0, rest
    assert left_of(temporary, url_in(output)) == []


@pytest.mark.slow
def test_when_the_service_dies_it_says_so_and_leaves_nothing(temporary: Path) -> None:
    process = start_demo(temporary)
    read_until(process, "as planned")
    [service] = [child for child in psutil.Process(process.pid).children() if "serve" in child.cmdline()]
    service.kill()
    rest, _ = process.communicate(timeout=DEADLINE)
    assert process.returncode == 1, rest
    assert "the service ended by itself" in rest
    assert left_of(temporary, str(temporary)) == []


# Which files


def test_the_largest_readable_files_are_chosen(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    for name, size in (("a", 10), ("deep/b c", 30), ("empty", 0), ("d", 20)):
        (tmp_path / name).write_bytes(b"x" * size)
    (tmp_path / "link").symlink_to(tmp_path / "a")
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff")).write_bytes(b"x" * 99)
    assert [(file.label, file.size) for file in choose_files(tmp_path, 2)] == [("deep/b c", 30), ("d", 20)]
    assert choose_files(tmp_path, 2)[0].task_name() == "deep.b.c"
    assert [file.label for file in choose_files(tmp_path / "a", 5)] == ["a"]


def test_without_a_path_dozens_of_modules_are_found() -> None:
    found = choose_files(None, 36)
    assert len(found) == 36
    assert all(file.path.suffix == ".py" and file.size > 10_000 for file in found)


# The work


def test_work_goes_through_the_whole_file(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(bytes(range(256)) * 100)
    work = FileWork(path)
    entries = list(work.steps())
    assert entries[-1]["percent"] == 100.0
    assert [entry["bytesDone"] for entry in entries][-2:] == [25_600, 25_600]
    result = work.result()
    assert (result["sha256"], result["bytes"]) == (sha256_of(path), 25_600)
    assert 0 < result["compressedBytes"] < 25_600


def test_a_planted_failure_comes_half_way(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"x" * 4096 * 10)
    work = FileWork(path, fail_at_percent=50)
    with pytest.raises(PlannedFailureError):
        list(work.steps())
    assert work.bytes_done == 4096 * 5


# The check at the end: it must find what is wrong


@pytest.fixture
def seen(tmp_path: Path) -> tuple[Json, Track, ChosenFile]:
    """A completed task, what was seen of it, and its file: all as it should be."""
    path = tmp_path / "file"
    path.write_bytes(b"x" * 300)
    entries = [{"seqId": number, "bytesDone": 100 * number} for number in (1, 2, 3)]
    result = {"sha256": sha256_of(path), "bytes": 300}
    task = {"status": "completed", "result": result, "error": None, "progressHistory": entries}
    final = {"status": "completed", "result": result}
    return copy.deepcopy(task), Track("t", copy.deepcopy(entries), final=final), ChosenFile(path, "file", 300)


def faults(task: Json, track: Track, file: ChosenFile) -> list[str]:
    history = verify.history_faults(task, track)
    return [*history, *verify.ending_faults(task, track, "completed"), *verify.result_faults(task, file)]


def test_nothing_is_wrong_where_all_is_right(seen: tuple[Json, Track, ChosenFile]) -> None:
    assert faults(*seen) == []


BREAKS: dict[str, Callable[[Json, Track], object]] = {
    "stored hole": lambda task, track: (task["progressHistory"].pop(1), track.entries.pop(1)),
    "not stored": lambda task, track: task["progressHistory"].pop(),
    "nothing stored": lambda task, track: task.update(progressHistory=None),
    "missed by the stream": lambda task, track: track.entries.pop(1),
    "streamed twice": lambda task, track: track.entries.insert(1, track.entries[0]),
    "streamed out of order": lambda task, track: track.entries.reverse(),
    "changed on the way": lambda task, track: track.entries[1].update(bytesDone=1),
    "told of a gap": lambda task, track: track.gaps.append(Gap(1, 1, "t", datetime.now(UTC))),
    "another end": lambda task, track: task.update(status="failed"),
    "another result streamed": lambda task, track: setattr(track, "final", {"status": "completed"}),
    "wrong hash": lambda task, track: task["result"].update(sha256="0"),
    "wrong size": lambda task, track: task["result"].update(bytes=1),
}


@pytest.mark.parametrize("broken", BREAKS)
def test_each_fault_is_found(broken: str, seen: tuple[Json, Track, ChosenFile]) -> None:
    task, track, file = seen
    BREAKS[broken](task, track)
    assert faults(task, track, file) != []


def test_a_worker_ends_when_demo_and_service_are_gone() -> None:
    """A killed demo can stop nothing; its workers notice by themselves."""
    script = (
        "import os, subprocess, sys\n"
        "argv = [sys.executable, '-m', 'tasktracker_server.demo.worker', 'http://127.0.0.1:9', 't', 'w']\n"
        "argv.append(str(os.getpid()))\n"
        "print(subprocess.Popen(argv, stderr=subprocess.DEVNULL).pid, flush=True)\n"
    )
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    deadline = time.monotonic() + 20
    while psutil.pid_exists(int(found.stdout)) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not psutil.pid_exists(int(found.stdout))
