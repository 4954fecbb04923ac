"""The command line while the service is restarted."""

import json

import psutil  # type: ignore[import-untyped]

from services import Service, wait_for
from tasktracker_client import TaskTracker

from .command_line import SECONDS, Shell


def connected(pid: int) -> bool:
    """Whether a process has a connection open."""
    return any(each.status == "ESTABLISHED" for each in psutil.Process(pid).net_connections("tcp"))


def test_following_waiting_and_running_survive_it(own_service: Service) -> None:
    shell = Shell(own_service.url)
    with TaskTracker(own_service.url) as api:
        task = api.start(api.register("cli.restart"))
        api.progress(task, {"n": 1})
        with shell.started("track", task.task_id) as tracking, shell.started("wait", task.task_id) as waiting:
            assert tracking.stdout is not None
            told = [json.loads(tracking.stdout.readline())]
            assert wait_for(lambda: connected(waiting.pid), SECONDS)
            for _ in range(20):  # time for its first answer: who has not heard of a task is not patient
                api.get(task)
            own_service.kill()
            own_service.start()
            api.progress(task, {"n": 2})
            api.complete(task, "end")
            told += [json.loads(line) for line in tracking.stdout]
            codes = (tracking.wait(SECONDS), waiting.wait(SECONDS))
            assert waiting.stdout is not None
            result = waiting.stdout.read()

    assert [event["data"].get("n") for event in told] == [1, 2, None]
    assert (codes, result) == ((0, 0), b'"end"\n')


def test_a_command_goes_on_and_its_output_is_whole(own_service: Service) -> None:
    shell = Shell(own_service.url)
    script = "for n in 1 2 3 4 5 6 7 8; do echo $n; sleep 0.5; done"
    with (
        TaskTracker(own_service.url) as api,
        shell.started("run", "cli.restart", "--id", "restarted", "--", "sh", "-c", script) as running,
    ):
        assert running.stdout is not None
        assert running.stdout.readline() == b"1\n"
        own_service.kill()
        own_service.start()
        assert running.wait(SECONDS) == 0
        task = api.wait("restarted", timeout=SECONDS)
        history = api.get(task).progress_history

    assert isinstance(history, list)
    assert [line for entry in history for line in entry["lines"]] == [str(n) for n in range(1, 9)]
