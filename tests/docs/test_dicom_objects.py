"""The example of docs/how-to/dicom_objects.md on the objects of a case, and the codes that the page lists."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
from ct_series import ct_series, heart_case
from pydicom.sr.codedict import codes

from bundle.dicom import write_dicom
from bundle.dicom.writing.codes import code_of_branch
from bundle.geometry.core import Branch

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "how-to" / "dicom_objects.md").read_text()
AFFINE = np.array([[-2.0, 0, 0, 60], [0, -2, 0, 58], [0, 0, 2, -85], [0, 0, 0, 1]])


def test_the_example_reads_the_objects_back(tmp_path, monkeypatch, capsys):
    mask = heart_case(tmp_path / "results" / "4f2a", "4f2a", AFFINE, (60, 58, 60))
    volume = ct_series(tmp_path / "ct", np.where(mask, 400, 0).astype(np.int16), AFFINE)
    write_dicom(volume, tmp_path / "results" / "4f2a", "4f2a")
    monkeypatch.chdir(tmp_path)
    (block,) = re.findall(r"^```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    space: dict = {}
    exec(block, space)
    printed = capsys.readouterr().out
    (said,) = re.findall(r"^([\d.]+) mm3 of Left Anterior Descending Coronary Artery$", printed, re.MULTILINE)
    assert float(said) == space["lad"].sum() * 8 > 100
    assert re.search(r"^LAD Length [\d.]+ mm$", printed, re.MULTILINE)
    assert re.search(r"^RCA Lumen Volume [\d.]+ mm3$", printed, re.MULTILINE)


def branch(name, parent=-1):
    line, none = np.zeros((2, 3)), np.zeros(2, bool)
    return Branch(line, none, none, none, none, parent, 0, name, 1.0, [])


def test_the_codes_of_vessels_are_those_of_the_page():
    arteries = [branch("RCA"), branch("LCx"), branch("LAD"), branch("unknown")]
    rows = re.search(r"^\| name \| code \| \|\n\|---\|---\|---\|\n(.*?)\n\n", PAGE, re.DOTALL | re.MULTILINE)[
        1
    ]
    table = [[cell.strip() for cell in row.strip("|").split("|")][:2] for row in rows.splitlines()]
    known = {codes.cid3015.__getattr__(name).value for name in codes.cid3015.dir()} | {
        "443113009",
        "41801008",
    }
    for names, told in table[1:-1]:
        names = [name for name in names.split(", ") if name != "..."]
        parts = [part.strip() for part in re.split(r"[;]", told)]
        if "from" in told and len(names) > 1:  # PLV: a list for each side
            for parent, part in enumerate(parts):
                for name, code in zip(names, re.findall(r"\d{6,}", part), strict=True):
                    assert code_of_branch([*arteries, branch(name, parent)], 4)[0].value == code in known
        elif "from" in told:  # PDA
            for parent, code in enumerate(re.findall(r"\d{6,}", told)):
                above = parent if parent < 2 else 3
                assert code_of_branch([*arteries, branch(names[0], above)], 4)[0].value == code in known
        else:
            numbers = re.findall(r"\d{6,}", told)
            for name, code in zip(names, numbers * (len(names) if len(numbers) == 1 else 1), strict=True):
                assert code_of_branch([*arteries, branch(name)], 4)[0].value == code in known


def test_a_branch_without_a_code_is_a_coronary_artery_in_the_region_of_its_parent():
    tree = [branch("LAD"), branch("D4", 0), branch("unknown", 0), branch("RCA"), branch("CB", 3)]
    said = [code_of_branch(tree, number) for number in (1, 2, 4)]
    assert [own.value for own, _ in said] == ["41801008"] * 3
    assert [region and region.value for _, region in said] == ["59438005", None, "13647002"]
