"""Installs the client's wheel alone in a clean environment and looks at what came along.

Usage: ``client_alone.py FOLDER_WITH_WHEELS``
"""

import subprocess
import sys
import tempfile
import venv
from pathlib import Path

_UNWANTED = ("tornado", "psycopg", "psycopg_pool", "redis", "tasktracker_server")
_LOOK = """
import importlib.util, sys
import tasktracker_schema
from tasktracker_client import AsyncTaskTracker, TaskTracker
came = [name for name in sys.argv[1:] if importlib.util.find_spec(name)]
sys.exit(f"the client brought {', '.join(came)}" if came else 0)
"""


def main(wheels: Path) -> None:
    """Install, import, look."""
    client = next(wheels.glob("tasktracker_client-*.whl"))
    with tempfile.TemporaryDirectory() as folder:
        venv.create(folder, with_pip=True)
        python = Path(folder) / "bin" / "python"
        subprocess.run(
            [python, "-m", "pip", "install", "--quiet", "--find-links", wheels, client], check=True
        )
        subprocess.run([python, "-c", _LOOK, *_UNWANTED], check=True)
        told = subprocess.run([python.parent / "tasktracker"], capture_output=True, text=True, check=False)
        if "pip install 'tasktracker-client[cli]'" not in told.stderr or told.stderr.count("\n") != 1:
            sys.exit(f"without its extra the command said: {told.stdout}{told.stderr}")
    print(f"{client.name} stands alone")  # noqa: T201 - a command's answer


if __name__ == "__main__":
    main(Path(sys.argv[1]))
