"""Jobs in processes: each works by itself; the parent starts them, replaces what crashed and ends them."""

import multiprocessing
import os
import signal
import sys
import threading
import time
from multiprocessing.connection import wait
from multiprocessing.context import SpawnProcess
from multiprocessing.queues import SimpleQueue
from multiprocessing.synchronize import Event
from typing import Final

from tasktracker_client._errors import TaskTrackerError
from tasktracker_client._logging import logger
from tasktracker_client._pools.handlers import Handler, Handlers
from tasktracker_client._pools.options import PoolOptions, Run
from tasktracker_client._pools.shutdown import Shutdown
from tasktracker_client._pools.single import run_single

_LOOK_SECONDS: Final = 0.2
_KILL_SECONDS: Final = 8.0
"""After the grace: for releases on the way out."""
_FIRST_PAUSE: Final = 0.5
_LONGEST_PAUSE: Final = 30.0
_HOPELESS: Final = 3
"""So many ends without one process that got as far as its work: it is the program, not an accident."""
_GAVE_UP: Final = 70
"""Exit code of a process that left its error in the queue: another one would have no more success."""
_HEALTHY_SECONDS: Final = 60.0
"""A process that lived so long did not crash at its start."""


UNGUARDED: Final = (
    "a pool of processes imports its module in each of them, and this one runs the pool again; "
    'put `pool.run()` below `if __name__ == "__main__":`'
)


def run_processes(handlers: dict[str, Handler], options: PoolOptions, run: Run, shutdown: Shutdown) -> None:
    """Work until the shutdown, or until there is nothing left.

    Raises ``RuntimeError`` in a process that is just being made for a pool, and where none came to work; and
    what one gave up for, a claim that was refused for example.
    """
    if getattr(multiprocessing.current_process(), "_inheriting", False):
        raise RuntimeError(UNGUARDED)
    family = _Family(handlers, options, run)
    with shutdown.handling():
        try:
            family.work(shutdown, options.grace_seconds)
        finally:
            family.kill()


class _Family:
    """The processes of a pool."""

    def __init__(self, handlers: dict[str, Handler], options: PoolOptions, run: Run) -> None:
        self._context = multiprocessing.get_context("spawn")
        self._at_work = self._context.Event()
        self._gave_up = self._context.SimpleQueue()
        self._given = handlers, options, run, self._at_work, self._gave_up
        self._run = run
        self._missing = options.concurrency
        self._began: dict[SpawnProcess, float] = {}
        self._failures = 0
        self._not_before = 0.0

    def work(self, shutdown: Shutdown, grace_seconds: float) -> None:
        """Until the shutdown, or until nobody is left; what runs then has the grace to end."""
        try:
            while not shutdown.is_stopped and self.look(_LOOK_SECONDS):
                pass
        finally:
            self.end(shutdown, grace_seconds)

    def look(self, seconds: float) -> bool:
        """Start what is missing, see who ended; whether there is anybody to go on with."""
        now = time.monotonic()
        while self._missing and now >= self._not_before:
            self._missing -= 1
            self._start()
        if not self._began:
            time.sleep(seconds if self._missing else 0)
            return bool(self._missing)
        wait([each.sentinel for each in self._began], seconds)
        for process in [each for each in self._began if not each.is_alive()]:
            self._ended(process)
        return True

    def end(self, shutdown: Shutdown, grace_seconds: float) -> None:
        """Ask all to end, a second time when the grace is over, and wait for them."""
        self._signal_all()
        until = time.monotonic() + grace_seconds
        while self._alive() and time.monotonic() < until and not shutdown.is_over:
            wait([each.sentinel for each in self._began], _LOOK_SECONDS)
        if self._alive():
            self._signal_all()
        until = time.monotonic() + _KILL_SECONDS
        while self._alive() and time.monotonic() < until:
            wait([each.sentinel for each in self._alive()], _LOOK_SECONDS)

    def kill(self) -> None:
        """End what is still there; its leases lapse."""
        for process in self._alive():
            logger.warning("process %s does not end; killed", process.pid)
            process.kill()
        for process in self._began:
            process.join()

    def _start(self) -> None:
        process = self._context.Process(target=_work, args=self._given)
        process.start()
        self._began[process] = time.monotonic()

    def _ended(self, process: SpawnProcess) -> None:
        began = self._began.pop(process)
        process.join()
        if process.exitcode == 0 and self._run.until_empty:
            return
        if process.exitcode == _GAVE_UP:
            raise self._gave_up.get()
        self._missing += 1
        now = time.monotonic()
        self._failures = 1 if now - began > _HEALTHY_SECONDS else self._failures + 1
        pause = min(_LONGEST_PAUSE, _FIRST_PAUSE * 2.0 ** min(self._failures - 1, 10))
        self._not_before = now + pause
        if not self._at_work.is_set() and self._failures >= _HOPELESS:
            raise RuntimeError(
                f"{self._failures} processes ended with {process.exitcode} before they came to work; "
                "what each wrote above says why"
            )
        logger.error("process %s ended with %s; another one in %.1f s", process.pid, process.exitcode, pause)

    def _alive(self) -> list[SpawnProcess]:
        return [each for each in self._began if each.is_alive()]

    def _signal_all(self) -> None:
        for process in self._alive():
            process.terminate()


def _work(
    handlers: dict[str, Handler],
    options: PoolOptions,
    run: Run,
    at_work: Event,
    gave_up: "SimpleQueue[TaskTrackerError]",
) -> None:
    """What each process does; it ends when its parent does."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a Ctrl-C is the parent's, who passes it on once
    shutdown = Shutdown(options.grace_seconds, raises=True)
    with shutdown.handling((signal.SIGTERM,)):
        threading.Thread(target=_end_with_parent, name="tasktracker-parent", daemon=True).start()
        ready = Handlers(handlers)
        at_work.set()
        try:
            run_single(ready, options, run, shutdown)
        except TaskTrackerError as error:
            gave_up.put(error)
            sys.exit(_GAVE_UP)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()  # of its pipe, which closes with it, however it ends
        os.kill(os.getpid(), signal.SIGTERM)
