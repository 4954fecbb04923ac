"""The examples that are scripts, each run as it stands against a real service."""

import ast
import hashlib
import json
import shutil
from pathlib import Path

import pytest

from examples.programs import EXAMPLES, Program, python, running
from services import Service, free_port, wait_for
from tasktracker_client import TaskFailed, TaskTracker

LINES_OF_USER_CODE = 15
SECONDS = 30.0


@pytest.fixture
def client(service: Service) -> TaskTracker:
    return TaskTracker(service.url)


def test_the_quickstart_shows_a_live_bar_and_how_it_ended(service: Service, tmp_path: Path) -> None:
    with python(service.url, tmp_path, "quickstart.py") as program:
        assert program.ended() == 0, program.told

    shown = program.told.split("\r")
    assert len(shown) > 10, "a bar that moves"
    assert shown[-1].split() == ["█" * 50, "100.0", "%", "completed"]


def test_the_quickstart_is_fifteen_lines_of_code() -> None:
    tree = ast.parse((EXAMPLES / "quickstart.py").read_text())
    own = [node for node in tree.body if not isinstance(node, ast.Import | ast.ImportFrom | ast.Expr)]
    lines = {
        node.lineno
        for each in own
        for node in ast.walk(each)
        if isinstance(node, ast.stmt | ast.match_case | ast.pattern) and hasattr(node, "lineno")
    }

    assert len(lines) <= LINES_OF_USER_CODE


def test_the_worker_hashes_what_it_is_given(service: Service, client: TaskTracker, tmp_path: Path) -> None:
    file = tmp_path / "data"
    file.write_bytes(b"task tracker" * 200_000)
    with client, python(service.url, tmp_path, "worker.py") as program:
        good = client.register("file.hash", {"path": str(file)})
        missing = client.register("file.hash", {"path": "/no/such/file"}, max_retries=3)
        wrong = client.register("file.hash", {"pfad": str(file)}, max_retries=3)
        client.wait(good, timeout=SECONDS)
        done = client.get(good)
        with pytest.raises(TaskFailed, match="there is no file"):
            client.wait(missing, timeout=SECONDS)
        with pytest.raises(TaskFailed, match="path"):
            client.wait(wrong, timeout=SECONDS)
        assert program.stop() == 0, program.told

    assert done.result == {"hex": hashlib.sha256(file.read_bytes()).hexdigest(), "size": file.stat().st_size}
    entries = done.progress_history or []
    assert entries[0]["stage"] == "hashing"
    assert entries[-1]["percent"] == 100


def test_what_was_a_celery_task_is_sent_and_done(service: Service, tmp_path: Path) -> None:
    with python(service.url, tmp_path, "celery_migration.py", "worker") as worker:
        with python(service.url, tmp_path, "celery_migration.py", "send") as sender:
            assert sender.ended() == 0, sender.told
        with python(service.url, tmp_path, "celery_migration.py", "send", "nobody") as failing:
            assert failing.ended() == 1
        assert worker.stop() == 0, worker.told

    assert sender.told.strip() == "{'sent': 2}"
    assert "nobody is no address" in failing.told
    assert "Hello to b@example.org" in worker.told


@pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl")
def test_curl_alone_leads_a_task_through_its_life(service: Service, tmp_path: Path) -> None:
    with running(service.url, tmp_path, "sh", "curl.sh") as program:
        assert program.ended() == 0, program.told

    events = [json.loads(line[6:]) for line in program.told.splitlines() if line.startswith("data: ")]
    assert [event["event"] for event in events] == ["progress"] * 3 + ["status_change"]
    page = json.loads(program.told.splitlines()[-1])
    assert [entry["data"]["percent"] for entry in page["entries"]] == [100]
    assert page["result"] == {"url": "a.mp4"}


needs_node = pytest.mark.skipif(shutil.which("node") is None, reason="needs Node.js")


def told_by(program: Program) -> list[dict[str, object]]:
    return [json.loads(line) for line in program.told.splitlines()]


@needs_node
def test_node_follows_through_restarts_of_the_service_and_reads_each_entry_once(
    database_url: str, redis_url: str, redis_prefix: str, tmp_path: Path
) -> None:
    service = Service(database_url, redis_url, redis_prefix=redis_prefix, port=free_port())
    with service, TaskTracker(service.url) as client:
        task = client.register("node")
        job = client.claim("node", worker_id="me")
        assert job is not None
        with running(service.url, tmp_path, "node", "node_follow.mjs", task.task_id) as program:
            for number in range(1, 61):
                client.progress(job, {"number": number, "text": "größer 世界\n"})
                if number % 20 == 0:
                    assert wait_for(lambda number=number: len(told_by(program)) == number, SECONDS)  # type: ignore[misc]
                    service.kill() if number == 20 else service.stop()
                    service.start()
            client.complete(job, {"ok": True})
            assert program.ended() == 0, program.told

    *entries, end = told_by(program)
    assert [entry["seqId"] for entry in entries] == list(range(1, 61))
    assert {entry["text"] for entry in entries} == {"größer 世界\n"}
    assert (end["status"], end["result"]) == ("completed", {"ok": True})


@needs_node
def test_node_ends_with_1_where_the_task_failed_or_is_not_there(
    service: Service, client: TaskTracker, tmp_path: Path
) -> None:
    with client:
        task = client.register("node.failing")
        client.cancel(task)
    for task_id in (task.task_id, "not-there"):
        with running(service.url, tmp_path, "node", "node_follow.mjs", task_id) as program:
            assert program.ended() == 1, program.told
