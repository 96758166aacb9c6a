"""Every link inside the repository leads to a page and a heading that are there."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[3]
FOLDERS: Final = ("bench", "cli", "client", "common", "deploy", "docs", "gateway", "tests", "worker")
SUFFIXES: Final = {".py", ".md", ".yml", ".yaml", ".toml", ".service", ".env", ".conf", ".cfg", ".j2", ".tpl"}
FILES: Final = sorted(
    file
    for found in (ROOT.glob("*"), *((ROOT / folder).rglob("*") for folder in FOLDERS))
    for file in found
    if file.suffix in SUFFIXES and file.is_file()
)
PAGES: Final = [file for file in FILES if file.suffix == ".md"]
OPERATIONS: Final = ROOT / "docs" / "operations.md"

_LINK: Final = re.compile(r"\[[^\]]*\]\(([^)#\s]*)(?:#([^)\s]*))?\)")
# How code, settings and messages name a page.
_NAMED: Final = re.compile(r"\bdocs/([\w/-]+\.md)(?:#([\w-]+))?")
_CODE_BLOCK: Final = re.compile(r"^```.*?^```$", re.DOTALL | re.MULTILINE)
_HEADING: Final = re.compile(r"^#+ (.*)$", re.MULTILINE)

Target = tuple[Path, str]


def prose(page: Path) -> str:
    return _CODE_BLOCK.sub("", page.read_text(encoding="utf-8"))


def anchor(heading: str) -> str:
    """The fragment that leads to a heading."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def leads_somewhere(target: Path, fragment: str) -> bool:
    """An empty fragment is the file as a whole."""
    if not fragment or not target.exists():
        return target.exists()
    return fragment in {anchor(heading) for heading in _HEADING.findall(prose(target))}


def links(page: Path) -> list[Target]:
    """Of every relative link, its file and fragment."""
    found = [link for link in _LINK.findall(prose(page)) if "://" not in link[0]]
    return [((page.parent / path).resolve() if path else page, fragment) for path, fragment in found]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(page: Path) -> None:
    assert [target for target in links(page) if not leads_somewhere(*target)] == []


def test_pages_that_other_files_name_are_there() -> None:
    named = [
        (file, ROOT / "docs" / path, fragment)
        for file in FILES
        for path, fragment in _NAMED.findall(file.read_text(encoding="utf-8"))
    ]
    assert len({target for _, target, _ in named}) > 5
    assert [row for row in named if not leads_somewhere(*row[1:])] == []


def test_operations_leads_to_every_page_about_running_it_and_each_leads_back() -> None:
    others = {ROOT / "docs" / name for name in ("operations.md", "protocol.md", "architecture.md")}
    pages = set((ROOT / "docs").glob("*.md")) - others
    assert pages <= {target for target, _ in links(OPERATIONS)}
    assert [page for page in pages if OPERATIONS not in {target for target, _ in links(page)}] == []


@pytest.mark.parametrize(
    ("target", "leads"),
    [("README.md", True), ("no.md", False), ("README.md#clients", True), ("README.md#nobody", False)],
)
def test_what_leads_nowhere_is_seen(target: str, leads: bool) -> None:
    path, _, fragment = target.partition("#")
    assert leads_somewhere(ROOT / path, fragment) is leads
