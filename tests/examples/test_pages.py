"""The pages on the client: all their code is run, against a real service."""

import re
import sys
from pathlib import Path

import pytest

from examples.programs import EXAMPLES, python, running
from services import Service

ROOT = EXAMPLES.parent
BLOCK = re.compile(r"^```python([^\n]*)\n(.*?)^```$|^<!-- run:\n(.*?)^-->$", re.MULTILINE | re.DOTALL)


def blocks(page: Path, kind: str) -> list[str]:
    """The page's code of a kind; what is run unseen between two blocks is of the ordinary kind."""
    found = BLOCK.findall(page.read_text())
    return [shown or unseen for info, shown, unseen in found if info.strip() == kind]


@pytest.mark.parametrize("page", ["client.md", "worker-sdk.md", "testing.md"])
def test_the_code_of_a_page_runs_from_top_to_bottom(service: Service, tmp_path: Path, page: str) -> None:
    code = "\n".join(blocks(ROOT / "docs" / page, ""))
    script = tmp_path / "page.py"
    script.write_text(code)
    with python(service.url, tmp_path, "-W", "error", str(script)) as program:
        assert program.ended() == 0, program.told

    assert len(code.splitlines()) > 3


def test_the_tests_of_the_page_on_testing_pass(tmp_path: Path) -> None:
    (tmp_path / "test_page.py").write_text("\n".join(blocks(ROOT / "docs" / "testing.md", "pytest")))
    command = (sys.executable, "-m", "pytest", "-q", "-W", "error", "-p", "no:cacheprovider", str(tmp_path))
    with running("", tmp_path, *command) as program:
        assert program.ended() == 0, program.told

    assert "3 passed" in program.told


@pytest.mark.parametrize("page", ["docs/client.md", "client/README.md"])
def test_the_quickstart_that_is_shown_is_the_one_that_is_run(page: str) -> None:
    [shown] = blocks(ROOT / page, "quickstart")
    _, _, code = (EXAMPLES / "quickstart.py").read_text().split('"""', 2)

    assert shown.strip() == code.strip()
