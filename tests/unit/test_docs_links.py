"""Every page is found from the maps, and every link leads somewhere."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LINK = re.compile(r"\[[^\]]*\]\(([^)#\s]+)(?:#[^)]*)?\)")
PAGES = sorted(
    {*ROOT.glob("*.md"), *ROOT.glob("*/README.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("tests/**/*.md")}
)
DECISIONS = sorted((ROOT / "docs" / "decisions").glob("[0-9]*.md"))


def linked(page: Path) -> Iterator[Path]:
    """The files a page names, relative to itself."""
    for target in LINK.findall(page.read_text()):
        if "://" not in target:
            yield (page.parent / target).resolve()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_to_a_file_that_is_there(page: Path) -> None:
    assert [target for target in linked(page) if not target.exists()] == []


def test_every_page_of_the_documentation_is_on_its_map() -> None:
    there = {page for page in (ROOT / "docs").glob("*.md") if page.name != "README.md"}

    assert there - set(linked(ROOT / "docs" / "README.md")) == set()


@pytest.mark.parametrize("decision", DECISIONS, ids=lambda page: page.stem)
def test_every_decision_is_listed_by_number_and_title_and_says_how_it_stands(decision: Path) -> None:
    number = int(decision.name[:4])
    title, text = decision.read_text().split("\n", 1)

    row = f"| [{number}]({decision.name}) | {title.removeprefix(f'# {number}. ')} |"
    assert row in (ROOT / "docs" / "decisions" / "README.md").read_text().splitlines()
    assert "\nStatus: " in text
    headings = re.findall(r"^## (.+)$", text, re.MULTILINE)
    assert headings[:4] == ["Context", "Alternatives", "Decision", "Consequences"]
