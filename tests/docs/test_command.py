"""The commands `coronary` of the pages: each is there, with all options and keys that a page gives it."""

from __future__ import annotations

import itertools
import re
import shlex
from pathlib import Path

import pytest
from typed import ROOT, coronary

from bundle.command import read_overrides
from bundle.common.command_line import check_overrides

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
CONFIGS = {
    "segment": ["inference.yaml", "modes/native.yaml"],
    "evaluate": ["evaluate.yaml", "modes/native.yaml"],
    "train": ["train.yaml"],
}


def commands(page: Path) -> list[list[str]]:
    blocks = re.findall(r"^```(?:bash|sh)?\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL)
    lines = "\n".join(blocks).replace("\\\n", " ").splitlines()
    lines = [re.sub(r"\s#.*", "", line) for line in lines if line.startswith("coronary ")]
    return [shlex.split(line)[1:] for line in lines]


@pytest.mark.parametrize("page", [p for p in PAGES if commands(p)], ids=lambda p: str(p.relative_to(ROOT)))
def test_commands_options_and_keys_are_there(page, monkeypatch):
    for name, *words in commands(page):
        answer = coronary(monkeypatch, name, "--help")
        assert answer.code == 0, name
        lines = re.findall(r"^ +(--[\w-].*)", answer.out, re.MULTILINE)
        options = {word for line in lines for word in re.findall(r"--[\w-]+", line)}
        assert {word for word in words if word.startswith("--")} <= options, words
        pairs = [value for word, value in itertools.pairwise(words) if word == "--set"]
        if pairs:
            files = [str(ROOT / "configs" / file) for file in CONFIGS[name]]
            check_overrides(files, read_overrides(pairs))
