"""What the pages name is there: files of the project, names of modules, headings that links point at."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]
TO_BE_WRITTEN = re.compile(r"my_\w+\.(py|yaml)$")  # by the reader of a how-to
each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))


@each_page
def test_files_that_a_page_names_exist(page):
    named = re.findall(r"`((?:bundle|configs|docs|models|scripts|tests)/[\w/.-]+)`", page.read_text())
    missing = {name for name in named if not TO_BE_WRITTEN.search(name) and not (ROOT / name).exists()}
    assert not missing


@each_page
def test_modules_and_names_that_a_page_names_exist(page):
    for name in set(re.findall(r"`(bundle(?:\.\w+)+)\(?", page.read_text())):
        if "My" in name:
            continue
        module, attribute = name, None
        while importlib.util.find_spec(module) is None:
            module, _, attribute = module.rpartition(".")
        assert attribute is None or hasattr(importlib.import_module(module), attribute), name


def anchors(page: Path) -> set[str]:
    """The headings of a page as GitHub links to them."""
    text = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    titles = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@each_page
def test_links_to_headings_lead_to_one(page):
    for target in re.findall(r"\]\(([^)\s]+#[^)\s]+)\)", page.read_text()):
        file, _, anchor = target.partition("#")
        if not target.startswith("http"):
            assert anchor in anchors(page.parent / file if file else page), target


def test_the_map_of_the_code_names_every_folder():
    page = (ROOT / "docs" / "method" / "rooms.md").read_text()
    for parent in (ROOT / "bundle", ROOT / "bundle" / "geometry"):
        for folder in parent.iterdir():
            if (folder / "__init__.py").is_file():
                assert f"| `{folder.name}/` |" in page, folder
