"""What signals do to a pool, each at its place."""

from __future__ import annotations

import os
import signal
import threading
import time

import pytest

from services import wait_for
from tasktracker_client._pools.shutdown import ShutDown, Shutdown


def terminate() -> None:
    os.kill(os.getpid(), signal.SIGTERM)


def interrupted(seconds: float) -> bool:
    """Whether a second signal, or the end of the grace, came within that time."""
    until = time.monotonic() + seconds
    try:
        while time.monotonic() < until:
            time.sleep(0.01)
    except ShutDown:
        return True
    return False


def test_a_claim_that_waits_is_given_up_at_the_first_signal() -> None:
    shutdown = Shutdown(60, raises=True)
    with shutdown.handling():
        assert shutdown.parked(lambda: "job") == "job"
        threading.Timer(0.05, terminate).start()
        assert shutdown.parked(lambda: interrupted(30)) is None
        assert shutdown.is_stopped
        assert shutdown.parked(lambda: "another job") is None


def test_a_job_is_interrupted_by_the_end_of_the_grace_and_its_release_is_not() -> None:
    shutdown = Shutdown(0.1, raises=True)
    with shutdown.handling():
        terminate()
        assert not shutdown.is_over
        assert interrupted(30)
        assert shutdown.is_over
        terminate()
        terminate()
        assert not interrupted(0.1)


def test_a_second_signal_ends_the_grace() -> None:
    shutdown = Shutdown(600, raises=True)
    with shutdown.handling():
        terminate()
        with pytest.raises(ShutDown):
            terminate()
        assert shutdown.is_over


@pytest.mark.parametrize("grace", [0.0, 0.1])
def test_a_stop_by_the_program_leaves_no_more_than_the_grace(grace: float) -> None:
    shutdown = Shutdown(grace, raises=True)
    with shutdown.handling():
        threading.Timer(0.05, shutdown.stop).start()
        assert interrupted(10)


def test_where_threads_work_nothing_is_raised() -> None:
    shutdown = Shutdown(0.05, raises=False)
    with shutdown.handling():
        terminate()
        assert wait_for(lambda: shutdown.is_over, 10)


def test_handlers_and_threads_are_put_back_whatever_happened() -> None:
    before = [signal.getsignal(each) for each in (signal.SIGTERM, signal.SIGINT)]
    threads = set(threading.enumerate())

    def run() -> None:
        with Shutdown(600, raises=True).handling():
            terminate()
            raise KeyError

    with pytest.raises(KeyError):
        run()
    assert [signal.getsignal(each) for each in (signal.SIGTERM, signal.SIGINT)] == before
    assert set(threading.enumerate()) <= threads


def test_elsewhere_than_in_the_main_thread_signals_are_left_alone() -> None:
    before = signal.getsignal(signal.SIGTERM)
    seen: list[object] = []
    shutdown = Shutdown(1, raises=True)

    def work() -> None:
        with shutdown.handling():
            seen.append(signal.getsignal(signal.SIGTERM))
            seen.append(shutdown.wait_seconds(60))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [before, 2]
    with shutdown.handling():
        assert shutdown.wait_seconds(60) == 60
