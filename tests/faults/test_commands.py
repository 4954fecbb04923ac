"""The commands as an operator runs them: on stores that are well, and on such as are not."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
import redis

from faults.stores import OwnRedis, own
from services import Databases

SECRET = "s3cret-word"


def run(*words: str, **environ: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("TASK_TRACKER_")}
    return subprocess.run(
        [sys.executable, "-P", "-m", "tasktracker_server", *words],
        env=kept | {f"TASK_TRACKER_{name.upper()}": value for name, value in environ.items()},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def findings(told: str) -> dict[str, str]:
    """The level of each subject that the doctor told of."""
    lines = [line for line in told.splitlines() if line.split(" ")[0] in {"ok", "warn", "FAIL"}]
    return {line[6:27].strip(): line.split()[0] for line in lines}


@pytest.fixture
def empty_database(databases: Databases) -> Iterator[str]:
    with databases.one(empty=True) as url:
        yield url


def test_migrate_says_what_it_applied_and_the_next_time_that_nothing_was_left(empty_database: str) -> None:
    # No command but this one is given a Redis that is not there, and does not ask for it.
    stores = {"database_url": empty_database, "redis_url": "redis://127.0.0.1:1"}
    first, second = run("migrate", **stores), run("migrate", **stores)

    assert (first.returncode, second.returncode) == (0, 0)
    assert first.stdout.splitlines()[0] == "applied 0001_tasks"
    assert "is up to date" in second.stdout
    with psycopg.connect(empty_database) as connection:
        assert connection.execute("select count(*) from tracker_tasks").fetchone() == (0,)


def test_migrations_that_start_at_once_are_applied_once(empty_database: str) -> None:
    environ = os.environ | {
        "TASK_TRACKER_DATABASE_URL": empty_database,
        "TASK_TRACKER_REDIS_URL": "redis://127.0.0.1:1",
    }
    command = [sys.executable, "-P", "-m", "tasktracker_server", "migrate"]
    started = [subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    told = [process.communicate(timeout=60)[0] for process in started]

    assert [process.returncode for process in started] == [0, 0, 0]
    assert sorted("applied" in each for each in told) == [False, False, True]


def test_the_doctor_finds_good_stores_good(database_url: str, redis_url: str) -> None:
    told = run("doctor", database_url=database_url, redis_url=redis_url)

    assert told.returncode == 0, told.stdout + told.stderr
    found = findings(told.stdout)
    assert {"database", "database version", "migrations", "settings"} <= found.keys()
    assert found["database"] == found["migrations"] == "ok"
    assert "FAIL" not in found.values()


def test_the_doctor_warns_of_a_schema_that_is_behind(empty_database: str, redis_url: str) -> None:
    told = run("doctor", database_url=empty_database, redis_url=redis_url)

    assert told.returncode == 0
    assert findings(told.stdout)["migrations"] == "warn"
    assert "tasktracker-server migrate" in told.stdout


def test_the_doctor_fails_a_redis_that_evicts_keys(database_url: str) -> None:
    with own(OwnRedis) as store:
        with redis.Redis.from_url(store.url) as client:
            client.config_set("maxmemory", "100mb")
            client.config_set("maxmemory-policy", "allkeys-lru")
        told = run("doctor", database_url=database_url, redis_url=store.url)

    assert told.returncode == 1
    assert "noeviction" in told.stdout


@pytest.mark.parametrize("store", ["database", "redis"])
def test_the_doctor_says_what_does_not_answer_and_no_password(
    database_url: str, redis_url: str, store: str
) -> None:
    urls = {"database_url": database_url, "redis_url": redis_url}
    scheme = "postgresql" if store == "database" else "redis"
    urls[f"{store}_url"] = f"{scheme}://someone:{SECRET}@127.0.0.1:1/0"
    told = run("doctor", **urls)

    assert told.returncode == 1
    assert "FAIL" in told.stdout
    assert f"TASK_TRACKER_{store.upper()}_URL" in told.stdout, "it says what to correct"
    assert "127.0.0.1:1" in told.stdout
    assert SECRET not in told.stdout + told.stderr


def test_serve_tells_all_bad_settings_at_once_and_no_password() -> None:
    told = run(
        "serve",
        "--port=70000",
        processes="none",
        database_url=f"mysql://someone:{SECRET}@somewhere/db",
        log_level="loud",
        prot="1",
    )

    assert told.returncode == 2
    for problem in ("--port", "PROCESSES", "DATABASE_URL", "LOG_LEVEL", "TASK_TRACKER_PROT"):
        assert problem in told.stderr
    assert SECRET not in told.stdout + told.stderr
    assert "Traceback" not in told.stderr


@pytest.mark.parametrize("processes", ["1", "2"])
def test_serve_says_so_when_it_cannot_listen(database_url: str, redis_url: str, processes: str) -> None:
    stores = {"database_url": database_url, "redis_url": redis_url, "processes": processes}
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        told = [run("serve", port=port, **stores), run("serve", host="no.such.host.invalid", **stores)]

    assert [each.returncode for each in told] == [1, 1]
    assert f"Can't listen on 127.0.0.1:{port}: Address already in use." in told[0].stderr
    assert "Can't listen on no.such.host.invalid" in told[1].stderr
    assert not any("Traceback" in each.stderr for each in told)


@pytest.mark.parametrize("is_there", [False, True], ids=["no directory", "one without stores"])
def test_doctor_leaves_nothing_behind_where_nothing_was(data_dir: Path, is_there: bool) -> None:
    if is_there:
        (data_dir / "lost+found").mkdir(parents=True)

    looked = run("doctor", data_dir=str(data_dir))

    assert findings(looked.stdout)["embedded stores"] == "ok"
    assert f"serve and dev make theirs in {data_dir}" in looked.stdout
    assert list(data_dir.parent.rglob("*")) == ([data_dir, data_dir / "lost+found"] if is_there else [])


def test_doctor_fails_where_stores_can_not_be_kept(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    looked = run("doctor", data_dir=str(tmp_path / "file" / "data"))

    assert looked.returncode == 1
    assert findings(looked.stdout)["embedded stores"] == "FAIL"
    assert "can't be made: Not a directory." in looked.stdout
    assert [one.name for one in tmp_path.iterdir()] == ["file"]
