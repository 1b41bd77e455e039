"""The example of docs/how-to/dicom.md runs, and its numbers are those of the code."""

from __future__ import annotations

import re

import numpy as np
from typed import ROOT

from bundle.dicom import write_ct_series
from bundle.dicom.reading import archives, choice

PAGE = (ROOT / "docs" / "how-to" / "dicom.md").read_text()


def test_the_example_runs(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    write_ct_series("data/phantoms-dicom/1", np.zeros((8, 8, 40), np.int16), np.diag([20, 20, 1.8, 1]), "1")
    (code,) = re.findall(r"^```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    exec(compile(code, "dicom.md", "exec"), {})
    assert "series 5: 40 slices of 1.8 mm" in capsys.readouterr().out


def test_the_limits_are_those_of_the_code():
    limits = (
        f"not thicker than {choice.MOST_THICKNESS_MM:g} mm, at least {choice.LEAST_SLICES} of them",
        f"over at least {choice.LEAST_EXTENT_MM:g} mm",
        f"nearest to {choice.DIASTOLE:g} % of the beat",
        f"at most {archives._MOST_BYTES / 2**30:g} GiB and {archives._MOST_MEMBERS:,} files",
    )
    text = " ".join(PAGE.split())
    assert all(limit in text for limit in limits)
