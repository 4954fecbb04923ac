"""Ends a store whose users were all killed, so that nothing is left behind.

A process beside each store. It sleeps in a lock that every user holds until it has left in order;
when the kernel hands it over, whatever still runs is nobody's. Ephemeral data goes with it.
"""

import contextlib
import fcntl
import shutil
import sys
from pathlib import Path

from tasktracker_server.embedded import locks
from tasktracker_server.embedded.accounts import Account
from tasktracker_server.embedded.postgres import Postgres
from tasktracker_server.embedded.valkey import Valkey


def keep(data_dir: Path, name: str) -> None:
    """Wait until nobody uses the store any more, and end it if it runs even so."""
    account = Account.of(data_dir)
    stores = {kind.name: kind(data_dir, account, durable=True) for kind in (Postgres, Valkey)}
    goes = locks.is_ephemeral(data_dir)
    waiting = locks.open_lock(stores[name].life, create=False)
    while True:
        fcntl.flock(waiting, fcntl.LOCK_EX)
        fcntl.flock(waiting, fcntl.LOCK_UN)
        with locks.alone(stores[name].change, create=False):
            if locks.is_held(stores[name].users):
                continue
            stores[name].stop()
            if goes and not any(
                store.is_running() or locks.is_held(store.users) for store in stores.values()
            ):
                shutil.rmtree(data_dir, ignore_errors=True)
            return


def main() -> None:
    """``python -m tasktracker_server.embedded.keeper DATA_DIR NAME``."""
    # Once everybody has left, the directory may be removed at any time: then there is nothing to end.
    with contextlib.suppress(FileNotFoundError):
        keep(Path(sys.argv[1]), sys.argv[2])


if __name__ == "__main__":
    main()
